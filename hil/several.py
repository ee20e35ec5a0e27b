"""Several boards in one pytest run: which, on which ports, and with xdist one worker for each.

    pytest hil/ --board nano33 --board sensortile -n 2

Every test is repeated for every board. With xdist, all tests of a board go to one worker, which
hands the board's run record to the controlling process; that one prints the verdicts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from hil.board import board_names
from hil.errors import InputError, clean
from hil.ports import same
from hil.record import Run
from hil.strict_json import from_json, to_json

#: Where a worker's answer to the controlling process has its runs.
WORKER_KEY: Final = "tinyhil_runs"


def ports_of(boards: list[str], asked: list[str]) -> dict[str, str | None]:
    """Return each board's port: `asked` are --port's values, BOARD=PORT, or PORT for an only board.

    None where none was named: the board is found by its USB id. Raises InputError.
    """
    ports: dict[str, str | None] = dict.fromkeys(boards)
    for text in asked:
        board, equals, port = text.partition("=")
        if not equals or board not in board_names():
            if len(boards) > 1:
                raise InputError(f"--port {clean(text)}: whose? --port BOARD=PORT, for each board")
            board, port = boards[0], text
        if board not in ports:
            raise InputError(f"--port {clean(text)}: there is no --board {board}")
        if ports[board] is not None:
            raise InputError(f"--port {clean(text)}: {board} has a port already, {ports[board]}")
        for other, taken in ports.items():
            if taken is not None and same(port, taken):
                raise InputError(f"--port {clean(text)}: that port is {other}'s already")
        ports[board] = port
    return ports


def file_of(path: Path | None, board: str, boards: list[str]) -> Path | None:
    """Return where this board's record or report goes: run.json, or run.nano33.json of several."""
    if path is None or len(boards) == 1:
        return path
    return path.with_name(f"{path.stem}.{board}{path.suffix}")


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return xdist's scheduler that deals tests out by board; for its hook of that name."""
    from xdist.scheduler import LoadScopeScheduling

    class ByBoard(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            parameters = nodeid.rpartition("[")[2].rstrip("]").split("-")
            return next((p for p in parameters if p in board_names()), "")

    return ByBoard(config, log)


def pack(runs: dict[str, Run]) -> str:
    """Return runs as the text that a worker sends."""
    return json.dumps({board: to_json(run) for board, run in runs.items()})


def unpack(text: Any) -> dict[str, Run]:
    """Return the runs that a worker sent."""
    return {board: from_json(Run, run, board) for board, run in json.loads(text).items()}
