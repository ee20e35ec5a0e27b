"""Emulated boards whose sensors are fed; see fed_boards.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fed_boards import VECTORS, Running, image
from numpy.typing import NDArray

from hil.board import Board, load_board
from hil.sensor.feed import feed_samples


@pytest.fixture(scope="module", params=["nano33", "sensortile"])
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.fixture(scope="module")
def fed(board: Board) -> NDArray[np.int16]:
    """What moves the sensor: [n, 6]."""
    return feed_samples(VECTORS, board)


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
