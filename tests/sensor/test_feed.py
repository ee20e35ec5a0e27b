"""Which windows of a set move an emulated sensor."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from fed_boards import VECTORS

from hil.board import load_board
from hil.cli import main
from hil.errors import InputError
from hil.sensor import feed
from hil.vectors import load_vectors

BOARD = load_board("nano33")


def test_a_label_feeds_its_own_class_and_none_feeds_all() -> None:
    sizes = [len(feed.feed_samples(VECTORS, BOARD, name)) for name in ("PEN", "FEL", "ROW")]
    assert all(sizes)
    assert abs(sum(sizes) - len(feed.feed_samples(VECTORS, BOARD))) <= 3  # rounded once for each


@pytest.mark.parametrize("label", ["row", "stop", ""])
def test_a_label_that_is_no_class_is_refused_with_the_classes(label: str) -> None:
    with pytest.raises(InputError, match=rf"no windows of class '{label}', only of PEN, FEL, ROW"):
        feed.feed_samples(VECTORS, BOARD, label)


def test_a_class_without_windows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_vectors(VECTORS)
    kept = dataclasses.replace(whole, label=np.where(whole.label == 1, 0, whole.label))
    monkeypatch.setattr(feed, "load_vectors", lambda _path: kept)
    with pytest.raises(InputError, match="no windows of class 'FEL', only of PEN, ROW"):
        feed.feed_samples(VECTORS, BOARD, "FEL")


def test_all_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["capture", "--board", "nano33", "--label", "x", "--subject", "s", "--feed-all"]
    assert main([*command, "--out", str(tmp_path / "set")]) == 2
    assert capsys.readouterr().err.startswith("tinyhil: --feed-all says what --feed feeds")
