"""The long run over a line that harms frames, short: what it counts, and the table it keeps."""

from __future__ import annotations

from pathlib import Path

from benchmarks.soak import Held, Soak, row, soak, write_table

SAME = (Held(40.0, 9, 3), Held(40.0, 9, 3))


def test_a_short_soak_loses_and_leaks_nothing() -> None:
    soaked = soak("nano33", "usb", 1500)
    assert soaked.wrong == 0
    assert soaked.harmed > 0, "a sound line shows nothing"
    assert min(soaked.frames) >= 1500
    assert not soaked.leaks, soaked


def made(**changes: object) -> Soak:
    values = {
        "firmware": "0.1.0 abc", "windows": 7200, "wrong": 0, "frames": (7201, 7202), "harmed": 3,
        "repeated": 2, "seconds": 9.0, "held": (SAME, SAME), "stack": (300, 300),
    }  # fmt: skip
    return Soak(**{**values, **changes})  # type: ignore[arg-type]


def test_whatever_grows_is_a_leak() -> None:
    assert not made().leaks
    assert not made(held=((Held(40.0, 9, 3), Held(43.0, 8, 3)), SAME)).leaks
    assert made(held=(SAME, (Held(40.0, 9, 3), Held(44.5, 9, 3)))).leaks
    assert made(held=((Held(40.0, 9, 3), Held(40.0, 10, 3)), SAME)).leaks
    assert made(held=((Held(40.0, 9, 3), Held(40.0, 9, 4)), SAME)).leaks
    assert made(stack=(300, 308)).leaks


def test_the_table_keeps_the_other_links_rows(tmp_path: Path) -> None:
    path = tmp_path / "soak.txt"
    write_table(path, "first", [row("nano33", "usb", made(wrong=5))])
    write_table(path, "second", [row("nano33", "uart", made())])
    write_table(path, "first", [row("nano33", "usb", made())])
    title, uart, usb, blank, *commands = path.read_text().splitlines()
    assert title.split()[:4] == ["board", "link", "firmware", "windows"]
    assert uart.split()[:6] == ["nano33", "uart", "0.1.0", "abc", "7,200", "1.0"]
    assert usb.split()[1] == "usb"
    assert usb.replace("usb ", "uart") == uart, "the row with wrong answers is gone"
    assert blank == ""
    assert commands == ["# second", "# first"]
