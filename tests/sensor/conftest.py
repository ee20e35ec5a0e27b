"""Emulated boards whose sensors are fed from recorded windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.backend.embedded import EmbeddedBackend
from hil.board import PROJECT_DIR, Board, load_board
from hil.device import Device
from hil.firmware.build import build
from hil.sensor.feed import feed_samples

MODEL = PROJECT_DIR / "test_vectors" / "models" / "cnn"
VECTORS = MODEL / "vectors.npz"
#: SENSOR_SETTLE of firmware/lib/sensor/sensor.h: what a start throws away.
SETTLE = 10


@pytest.fixture(params=["nano33", "sensortile"])
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.fixture
def fed(board: Board) -> NDArray[np.int16]:
    """What moves the sensor: [n, 6]."""
    return feed_samples(VECTORS, board)


@cache
def image(board: Board) -> Path:
    return build(board, None)


class Running:
    """An emulated board, time going on as it is asked."""

    def __init__(self, board: Board, feed: Path | None, options: tuple[str, ...], via: str) -> None:
        self.backend = EmbeddedBackend(via=via)
        self.backend.move_sensor(feed, real_time=False)
        self.backend._options += options
        transport = self.backend.open(board, image(board), None)
        self.device = Device(transport, timeout=0.2)
        self.device.identify(expect_board=board.name)


@pytest.fixture
def boot(board: Board, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(
        samples: NDArray[np.int16] | None = None, *options: str, via: str = "uart"
    ) -> Running:
        feed = None
        if samples is not None:
            feed = tmp_path / "feed"
            feed.write_bytes(samples.astype("<i2").tobytes())
        made.append(Running(board, feed, options, via))
        return made[-1]

    yield start
    for running in made:
        running.backend.close()
