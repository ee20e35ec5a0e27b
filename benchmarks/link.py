"""What the links spend on 1,000 windows of 300 bytes to a message that only acknowledges.

UART: the share of the line that carries payload, on the baud-accurate emulator. Baseline: the
line's own limit, ten bit times a byte. Time is the emulator's virtual time (cycle estimate and
sleep), at the baud rate the chip really makes of the one asked for. Virtual time stands still while
the firmware sleeps and nothing is on the line (hil/emulator/session.py), so the share is that of
the firmware and the protocol with a host that answers at once.

USB: packets to the device, and instructions a byte. Baselines: 64 bytes to each packet, which is a
full-speed bulk packet's most (USB 2.0 5.8.3); and the UART's instructions for the same. They are
counts: how many packets fit into a frame is the host's business, and no time is claimed.
"""

from __future__ import annotations

import random
from math import ceil

from tqdm import tqdm

from hil.backend.embedded import EmbeddedBackend
from hil.board import load_board
from hil.device import Device
from hil.firmware.build import build

WINDOWS, SIZE = 1000, 300
BAUDS = (115_200, 921_600)
BOARDS = ("nano33", "sensortile")
GOAL = 0.90
PACKET = 64
PACKETS_GOAL = 1.05


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


def instructions_a_byte(backend: EmbeddedBackend, board_name: str, via: str) -> float:
    """Return what the firmware executes for a byte of payload."""
    board = load_board(board_name)
    device = Device(backend.open(board, build(board, None), None))
    device.identify()
    before = backend.request("counters")["instructions"]
    payloads = [random.Random(i).randbytes(SIZE) for i in range(WINDOWS)]  # noqa: S311
    shown = tqdm(payloads, f"{board_name}, {via}", leave=False, disable=None)
    received = device.discard(shown)
    assert received == WINDOWS * SIZE
    return float((backend.request("counters")["instructions"] - before) / received)


def over_usb(board_name: str) -> float:
    """Print the counts of one board; return its packets as a ratio to the fewest there could be."""
    costs, state = {}, {}
    for via in ("uart", "usb"):
        backend = EmbeddedBackend(via=via)
        try:
            costs[via] = instructions_a_byte(backend, board_name, via)
            state = backend.request("usb", action="state")
        finally:
            backend.close()
    packets, fewest = state["packets_out"], ceil(state["bytes_out"] / PACKET)
    print(
        f"{board_name} over USB: {packets:,} packets for {state['bytes_out']:,} bytes, "
        f"{packets / fewest:.3f} of the fewest; the goal is {PACKETS_GOAL}; "
        f"{costs['usb']:.1f} instructions a byte, {costs['usb'] / costs['uart']:.2f} of the UART's",
        flush=True,
    )
    return packets / fewest


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
    ratios = [over_usb(board) for board in BOARDS]
    return int(min(shares) < GOAL or max(ratios) > PACKETS_GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
