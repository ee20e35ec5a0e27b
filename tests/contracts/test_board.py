"""Board manifests: read strictly, and consistent with themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil import board as board_module
from hil.board import BOARDS_DIR, board_names, load_board
from hil.errors import InputError


def test_both_boards_are_there() -> None:
    assert board_names() == ["nano33", "sensortile"]


@pytest.mark.parametrize("name", ["nano33", "sensortile"])
def test_platformio_and_the_harness_see_the_same_sizes(name: str) -> None:
    manifest = json.loads((BOARDS_DIR / f"{name}.json").read_text())
    facts = load_board(name).facts
    assert manifest["upload"]["maximum_size"] == facts.flash_size
    assert manifest["upload"]["maximum_ram_size"] == facts.ram_size
    assert int(manifest["upload"]["offset_address"], 16) == facts.flash_origin
    assert int(manifest["build"]["f_cpu"].rstrip("L")) == facts.clock_hz


def test_an_unknown_board_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="choose one of nano33, sensortile"):
        load_board("../nano33")


def test_a_misspelt_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = json.loads((BOARDS_DIR / "nano33.json").read_text())
    manifest["tinyhil"]["flash_sice"] = 1
    (tmp_path / "odd.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(board_module, "BOARDS_DIR", tmp_path)
    with pytest.raises(InputError, match="unknown key 'flash_sice'"):
        load_board("odd")
