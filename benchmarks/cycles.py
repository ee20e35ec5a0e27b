"""Cost of one inference, layer by layer: counted on the emulator and, with a board, measured on it.

    python -m benchmarks.cycles [--board nano33] [MODEL…]
    python -m benchmarks.cycles --board nano33 --port /dev/ttyACM0 [--flash] [MODEL…]

One table, each column of one origin: instructions are exact and cycles an estimate on the emulator;
the cycles of a board's DWT counter stand apart, "–" where none was attached. The board must run the
model that is measured; --flash puts each on it first. The baseline of a board's cycles is the
estimate: what the emulator's model of a Cortex-M4 leaves out (flash wait states, caches).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hil.board import PROJECT_DIR, Board, board_names, load_board
from hil.cli import main as tinyhil
from hil.errors import InputError, TinyhilError
from hil.record import Run
from hil.run.steps import Options, run

MODELS: Final = [PROJECT_DIR / "test_vectors" / "models" / a for a in ("cnn", "lstm", "dense")]

#: Windows of a run: as many as the median of a board's cycles is taken over.
WINDOWS: Final = 9


@dataclass(frozen=True)
class Row:
    """A layer, or all of them. None: not measured."""

    name: str
    op: str
    instructions: int | None
    estimate: int | None
    cycles: int | None


def measure(board: Board, model: Path, backend: str, port: str | None) -> Run:
    """Return the record of a run on the emulator or on a board."""
    options = Options(
        board=board,
        backend=backend,
        port=port,
        model=model,
        vectors=None,
        limit=WINDOWS,
        max_drop=100.0,
        command="benchmarks/cycles.py",
        quiet=True,
    )
    return run(options, lambda text: print(text, file=sys.stderr))


def rows(emulated: Run, measured: Run | None) -> list[Row]:
    """Return the layers and their sum; the two runs must be of one model."""
    of_board = measured.device_layers if measured else [None] * len(emulated.device_layers)
    layers = [
        Row(e.name, e.op, e.instructions, e.cycles_estimate, b.cycles if b else None)
        for e, b in zip(emulated.device_layers, of_board, strict=True)
    ]
    whole = Row(
        "inference",
        "",
        emulated.instructions_per_inference,
        emulated.cycles_estimate_per_inference,
        measured.cycles_per_inference if measured else None,
    )
    return [*layers, whole]


def table(title: str, board: Board, found: list[Row]) -> str:
    """Return the rows as text."""
    head = (
        f"{title}, {board.title}\n"
        f"{'':30}{'':18}{'instructions':>14}{'cycles':>14}{'cycles':>14}{'ratio to':>10}\n"
        f"{'layer':30}{'operator':18}{'exact, emul.':>14}{'estimate':>14}{'DWT, board':>14}"
        f"{'estimate':>10}"
    )
    return "\n".join([head, *map(_line, found), ""])


def _line(row: Row) -> str:
    numbers = [row.instructions, row.estimate, row.cycles]
    texts = ["–" if n is None else f"{n:,}" for n in numbers]
    ratio = f"{row.cycles / row.estimate:.2f}" if row.cycles and row.estimate else "–"
    return (
        f"{row.name[:29]:30}{row.op[:17]:18}" + "".join(f"{t:>14}" for t in texts) + f"{ratio:>10}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Print a table per model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path, default=MODELS, metavar="MODEL")
    parser.add_argument("--board", choices=board_names(), default="nano33")
    parser.add_argument("--port", help="the serial port of a board")
    parser.add_argument("--flash", action="store_true", help="put each model on the board first")
    args = parser.parse_args(arguments)
    board = load_board(args.board)
    try:
        for model in args.models:
            if args.port and args.flash:
                flash = ["flash", "--board", args.board, "--port", args.port, "--model", str(model)]
                if code := tinyhil(flash):
                    return code
            emulated = measure(board, model, "embedded", None)
            measured = measure(board, model, "hardware", args.port) if args.port else None
            if measured and measured.cycles_per_inference is None:
                why = measured.incomplete or "it is an emulator"
                raise InputError(f"{args.port}: gave no cycles of a board: {why}")
            print(table(model.name, board, rows(emulated, measured)))
    except TinyhilError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
