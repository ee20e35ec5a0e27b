"""`tinyhil boards`: the boards there are, their facts, and serial ports that may be one."""

from __future__ import annotations

import argparse
import json
from typing import Any

from hil.board import Board, board_names, load_board
from hil.ports import Port, is_running, serial_ports


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def execute(args: argparse.Namespace) -> int:
    """Print the boards; 0."""
    boards = [load_board(name) for name in board_names()]
    ports = {board.name: matching_ports(board) for board in boards}
    if args.json:
        print(json.dumps([_data(board, ports[board.name]) for board in boards]))
    else:
        print("\n\n".join(_text(board, ports[board.name]) for board in boards))
    return 0


def matching_ports(board: Board) -> list[str]:
    """Return serial ports whose USB id is one of the board's, with what they say of themselves.

    A board on a USB-serial adapter is not among them: the port shows the adapter's id.
    """
    return [
        f"{port} ({port.description or 'no description'}{_doubt(board, port)})"
        for port in serial_ports()
        if port.usb_id in board.usb_ids
    ]


def _doubt(board: Board, port: Port) -> str:
    strange = port.usb_id == board.usb_ids[0] and not is_running(board, port)
    return f"; made by {port.maker or 'nobody'}, not this firmware" if strange else ""


def _data(board: Board, ports: list[str]) -> dict[str, Any]:
    return {
        "name": board.name,
        "title": board.title,
        **vars(board.facts),
        "usb_ids": [f"{vid:04x}:{pid:04x}" for vid, pid in board.usb_ids],
        "ports": ports,
    }


def _text(board: Board, ports: list[str]) -> str:
    facts = board.facts
    ids = ", ".join(f"{vid:04x}:{pid:04x}" for vid, pid in board.usb_ids)
    found = ", ".join(ports) or "none found; a board on a USB-serial adapter needs --port"
    return "\n".join(
        [
            f"{board.name}  {board.title}",
            f"    {facts.chip} at {facts.clock_hz // 1_000_000} MHz, "
            f"flash {facts.flash_size // 1024} KB, RAM {facts.ram_size // 1024} KB",
            f"    {facts.uart}, {facts.baud:,} baud; USB {ids}",
            f"    ports: {found}",
        ]
    )
