"""The style sheet keeps text readable: contrast by WCAG 2.1 (success criterion 1.4.3, AA)."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("hil.report").joinpath("report.css").read_text("utf-8")
SCHEMES = [
    dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.S)
]
NAMES = ("light", "dark", "print")


def luminance(colour: str) -> float:
    digits = colour[1:]
    pairs = [c * 2 for c in digits] if len(digits) == 3 else re.findall("..", digits)
    channels = [int(pair, 16) / 255 for pair in pairs]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_right() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_there_are_three_schemes() -> None:
    assert len(SCHEMES) == len(NAMES)


@pytest.mark.parametrize("scheme", SCHEMES, ids=NAMES)
@pytest.mark.parametrize("ink", ["ink", "soft", "accent", "good", "warn", "bad"])
def test_text_is_readable_on_paper(scheme: dict[str, str], ink: str) -> None:
    assert contrast(scheme[ink], scheme["paper"]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES, ids=NAMES)
def test_text_is_readable_in_the_boxes(scheme: dict[str, str]) -> None:
    assert contrast(scheme["ink"], scheme["alarm"]) >= 4.5
    assert contrast(scheme["ink"], scheme["raised"]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES, ids=NAMES)
def test_bars_stand_out_from_their_ground(scheme: dict[str, str]) -> None:
    """Success criterion 1.4.11: graphics need 3:1."""
    for fill in ("accent", "bad", "soft"):
        assert contrast(scheme[fill], scheme["grid"]) >= 3


def test_what_scrolls_shows_that_there_is_more_at_either_edge() -> None:
    """Of each side a shadow that stays, and over it a cover that moves with what is scrolled."""
    rule = re.search(r"^\.scroll \{(.*?)\}", CSS, re.S | re.M)
    assert rule is not None
    layers = re.findall(r"linear-gradient\(to (\w+), var\(--(\w+)\).*?(\w+)[,;]\n", rule[1])
    assert layers == [
        ("right", "paper", "local"), ("left", "paper", "local"),
        ("right", "edge", "scroll"), ("left", "edge", "scroll"),
    ]  # fmt: skip
    assert ".scroll { overflow: visible; background: none; }" in CSS.partition("@media print")[2]
    assert len(re.findall(r"--edge: ", CSS)) == 2  # light and dark
