"""The long run over a line that harms frames, short: what it counts, and the table it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import soak as module
from benchmarks.soak import Held, Soak, main, row, soak, write_table

SAME = (Held(40.0, 9, 3), Held(40.0, 9, 3))


def test_a_short_soak_loses_and_leaks_nothing() -> None:
    soaked = soak("nano33", "usb", 1500)
    assert soaked.wrong == 0
    assert soaked.harmed > 0, "a sound line shows nothing"
    assert min(soaked.frames) >= 1500
    assert not soaked.leaks, soaked


def made(**changes: object) -> Soak:
    values = {
        "firmware": "0.1.0 abc", "asked": 7200, "windows": 7200, "wrong": 0,
        "frames": (7201, 7202), "harmed": 3, "repeated": 2, "seconds": 9.0,
        "held": (SAME, SAME), "stack": (300, 300),
    }  # fmt: skip
    return Soak(**{**values, **changes})  # type: ignore[arg-type]


def test_whatever_grows_is_a_leak() -> None:
    assert not made().leaks
    assert not made(held=((Held(40.0, 9, 3), Held(43.0, 8, 3)), SAME)).leaks
    assert made(held=(SAME, (Held(40.0, 9, 3), Held(44.5, 9, 3)))).leaks
    assert made(held=((Held(40.0, 9, 3), Held(40.0, 10, 3)), SAME)).leaks
    assert made(held=((Held(40.0, 9, 3), Held(40.0, 9, 4)), SAME)).leaks
    assert made(stack=(300, 308)).leaks


def test_the_table_keeps_the_other_links_rows_each_with_its_command(tmp_path: Path) -> None:
    path = tmp_path / "soak.txt"
    write_table(path, "first --minutes 1", row("nano33", "usb", made(wrong=5)))
    write_table(path, "second", row("nano33", "uart", made()))
    write_table(path, "first --minutes 2", row("nano33", "usb", made()))
    title, uart, usb, blank, *commands = path.read_text().splitlines()
    assert title.startswith("board       link  firmware, source hash   windows")
    assert uart.split()[:6] == ["nano33", "uart", "0.1.0", "abc", "7,200", "1.0"]
    assert usb.split()[1] == "usb"
    assert usb.replace("usb ", "uart") == uart, "the row with wrong answers is gone"
    assert blank == ""
    assert commands == ["# nano33 uart: second", "# nano33 usb: first --minutes 2"]


def test_rows_of_other_firmware_are_marked_while_they_are_of_other_firmware(tmp_path: Path) -> None:
    path = tmp_path / "soak.txt"
    early = row("nano33", "uart", made(windows=10))
    write_table(path, "first", early)
    for _ in range(2):
        write_table(path, "second", row("nano33", "usb", made(firmware="0.1.0 def")))
        uart, usb = path.read_text().splitlines()[1:3]
        assert uart == f"{early}  # other firmware than the last run's"
        assert "#" not in usb
    write_table(path, "third", row("nano33", "usb", made()))
    assert path.read_text().splitlines()[1] == early


@pytest.mark.parametrize(
    ("changes", "code", "note"),
    [
        ({}, 0, False),
        ({"windows": 7199}, 1, True),
        ({"wrong": 1}, 1, False),
        ({"stack": (300, 308)}, 1, False),
    ],
)
def test_a_run_that_ends_early_fails_and_its_row_says_so(  # noqa: PLR0917 - a row of the table
    changes: dict[str, object],
    code: int,
    note: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "soak.txt"
    monkeypatch.setattr(module, "soak", lambda *_: made(**changes))
    monkeypatch.setattr(
        "sys.argv", ["soak", "--board", "nano33", "--via", "usb", "--out", str(path)]
    )
    assert main() == code
    said = "# ended early: 7,200 windows were asked for"
    assert (said in path.read_text()) == (said in capsys.readouterr().out) == note


def test_minutes_end_a_run_early() -> None:
    soaked = soak("nano33", "uart", 10**9, minutes=0.01)
    assert 0 < soaked.windows < soaked.asked == 10**9
    assert soaked.ended_early
