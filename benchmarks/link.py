"""Share of the line that carries payload: 1,000 windows of 300 bytes to a message that only
acknowledges, on the baud-accurate emulator.

Baseline: the line's own limit, ten bit times a byte. Time is the emulator's virtual time (cycle
estimate and sleep), at the baud rate the chip really makes of the one asked for. Virtual time
stands still while the firmware sleeps and nothing is on the line (hil/emulator/session.py), so the
share is that of the firmware and the protocol with a host that answers at once.
"""

from __future__ import annotations

import random

from tqdm import tqdm

from hil.backend.embedded import EmbeddedBackend
from hil.board import load_board
from hil.device import Device
from hil.firmware.build import build

WINDOWS, SIZE = 1000, 300
BAUDS = (115_200, 921_600)
BOARDS = ("nano33", "sensortile")
GOAL = 0.90


def share(board_name: str, baud: int) -> tuple[float, float, int]:
    """Return the share used, the chip's real baud rate, and bytes lost to overruns."""
    board = load_board(board_name)
    backend = EmbeddedBackend(paced=True)
    try:
        device = Device(backend.open(board, build(board, None, baud), None))
        device.identify()
        payloads = [random.Random(i).randbytes(SIZE) for i in range(WINDOWS)]  # noqa: S311
        before = backend.request("counters")
        shown = tqdm(payloads, f"{board_name}, {baud:,} baud", leave=False, disable=None)
        received = device.discard(shown)
        after, line = backend.request("counters"), backend.request("link")
    finally:
        backend.close()
    assert received == WINDOWS * SIZE
    seconds = after["virtual_seconds"] - before["virtual_seconds"]
    return received * 10 / (seconds * after["baud"]), after["baud"], line["overruns"]


def main() -> int:
    shares = []
    for board in BOARDS:
        for baud in BAUDS:
            used, real, overruns = share(board, baud)
            print(
                f"{board}: {used:.3f} of the line at {baud:,} baud ({real:,.0f} really), "
                f"{overruns} overruns; the goal is {GOAL}",
                flush=True,
            )
            shares.append(used)
    return int(min(shares) < GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
