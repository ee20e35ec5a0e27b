"""Emulated boards whose sensors are fed from recorded windows."""

from __future__ import annotations

from collections.abc import Iterator
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


@cache
def image(board: Board) -> Path:
    return build(board, None)


@pytest.fixture(scope="module", params=["nano33", "sensortile"])
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.fixture(scope="module")
def fed(board: Board) -> NDArray[np.int16]:
    """What moves the sensor: [n, 6]."""
    return feed_samples(VECTORS, board)


class Running:
    """An emulated board, time going on as it is asked."""

    def __init__(
        self, board: Board, feed: Path | None, options: tuple[str, ...] = (), via: str = "uart"
    ) -> None:
        self.backend = EmbeddedBackend(via=via)
        self.backend.move_sensor(feed, real_time=False)
        self.backend._options += options
        transport = self.backend.open(board, image(board), None)
        self.device = Device(transport, timeout=0.2)
        self.device.identify(expect_board=board.name)


@pytest.fixture(scope="module")
def feed(fed: NDArray[np.int16], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("feed") / "feed"
    path.write_bytes(fed.astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def running(board: Board, feed: Path) -> Iterator[Running]:
    """A board whose sensor takes `fed`; its tests leave it as they found it."""
    made = Running(board, feed)
    yield made
    made.backend.close()


@pytest.fixture
def built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """PlatformIO need not look at the sources again for each command."""
    monkeypatch.setattr("hil.run.target.build", lambda board, _model: image(board))


def around(fed: NDArray[np.int16], first: int, count: int) -> NDArray[np.int16]:
    """What the sensor takes from its sample `first` on: the feed goes round and round."""
    return fed[np.arange(first, first + count) % len(fed)]
