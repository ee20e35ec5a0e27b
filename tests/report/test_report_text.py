"""Numbers are written one way each, by example."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.report import text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text.count(1234567), "1 234 567"),
        (text.count(-5), "−5"),
        (text.count(None), "–"),
        (text.percent(0.9567), "95.7 %"),
        (text.percent(1.0, 0), "100 %"),
        (text.signed(-0.0071), "−0.7"),
        (text.signed(0.0071), "+0.7"),
        (text.signed(-0.0001), "0.0"),
        (text.signed(None), "–"),
        (text.kilobytes(1023), "1023 B"),
        (text.kilobytes(40312), "39.4 KB"),
        (text.p_value(0.0004), "< 0.001"),
        (text.p_value(0.0123), "0.012"),
        (text.p_value(0.88), "0.88"),
        (text.decimal(-1.5, 1), "−1.5"),
        (text.significant(0.0214), "0.0214"),
        (text.megahertz(64_000_000), "64 MHz"),
        (text.plus(3), "+3"),
        (text.plus(-1), "−1"),
        (text.plus(0), "0"),
        (text.sd(-2.06), "−2.1 sd"),
        (text.sd(-0.01), "+0.0 sd"),
        (text.sd(None), "–"),
        (text.times(0.0), "× 1"),
        (text.times(1e9), "× 1.01e+304"),
        (text.decimal(-0.01, 1), "0.0"),
        (text.percent(-0.034), "−3.4 %"),
    ],
)
def test_examples(written: str, expected: str) -> None:
    assert written.replace(text.NARROW, " ") == expected


@given(st.text(max_size=3000))
def test_visible_text_is_printable_and_bounded(name: str) -> None:
    shown = text.visible(name)
    assert len(shown) <= text.MAX_TEXT
    assert all(c.isprintable() or c in "\u00a0\u202f" for c in shown)


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), max_size=50))
def test_visible_text_is_left_as_it_is(name: str) -> None:
    assert text.visible(name) == name
