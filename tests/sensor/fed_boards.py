"""Emulated boards whose sensors are fed from recorded windows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.backend.embedded import EmbeddedBackend
from hil.board import PROJECT_DIR, Board
from hil.device import Device
from hil.firmware.build import build

MODEL = PROJECT_DIR / "test_vectors" / "models" / "cnn"
VECTORS = MODEL / "vectors.npz"
#: SENSOR_SETTLE of firmware/lib/sensor/sensor.h: what a start throws away.
SETTLE = 10


@cache
def image(board: Board) -> Path:
    return build(board, None)


class Running:
    """An emulated board, time going on as it is asked."""

    def __init__(
        self, board: Board, feed: Path | None, options: tuple[str, ...] = (), via: str = "uart"
    ) -> None:
        self.backend = EmbeddedBackend(via=via)
        self.backend.move_sensor(feed, real_time=False)
        self.backend._options += options
        transport = self.backend.open(board, image(board), None)
        # Patient: without the compiled hook, on a machine with other work, all takes its time.
        self.device = Device(transport, timeout=0.2, patience=60.0)
        self.device.identify(expect_board=board.name, deadline=60.0)


def around(fed: NDArray[np.int16], first: int, count: int) -> NDArray[np.int16]:
    """What the sensor takes from its sample `first` on: the feed goes round and round."""
    return fed[np.arange(first, first + count) % len(fed)]
