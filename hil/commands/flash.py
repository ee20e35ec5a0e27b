"""`tinyhil flash`: build a board's firmware with a model, and upload it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hil.board import board_names, load_board
from hil.errors import clean
from hil.firmware.build import elf_path, image_size, upload
from hil.model_folder import load_model_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--board", required=True, choices=board_names())
    parser.add_argument("--model", required=True, type=Path, help="model folder (tinyhil train)")
    parser.add_argument(
        "--port",
        "--probe",
        help="serial port of the board, or the serial number of the debug probe that uploads "
        "(sensortile); found by itself otherwise",
    )
    parser.add_argument("--baud", type=int, help="baud rate of the link; the board's own otherwise")


def execute(args: argparse.Namespace) -> int:
    """Build, upload, and say what was flashed."""
    board = load_board(args.board)
    model = load_model_folder(args.model)
    # It builds, too, once it has seen that there is a board: nobody waits for that in vain.
    unheard = upload(board, model.path, args.port, args.baud)
    elf = elf_path(board, model.path, args.baud)
    size = image_size(elf)
    done = {
        "board": board.name,
        "model_hash": model.model_hash,
        "elf": str(elf),
        "flash_used": size.flash_used,
        "ram_static": size.ram_static,
        "hello": unheard is None,
    }
    name = clean(model.manifest.name, 40)
    runs = f"now runs model {name}" if unheard is None else f"was written with model {name}"
    text = (
        f"{board.title} {runs}: {size.flash_used:,} bytes of flash, "
        f"{size.ram_static:,} bytes of RAM" + (f"\nno hello: {unheard}" if unheard else "")
    )
    print(json.dumps(done) if args.json else text)
    return 0
