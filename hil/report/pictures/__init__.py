"""Pictures as pure functions of views: numbers in, SVG markup out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from markupsafe import Markup

from hil.report.pictures.arena import arena
from hil.report.pictures.bars import balance, bar, stack, strip
from hil.report.pictures.chain import chain
from hil.report.pictures.histogram import histogram
from hil.report.pictures.lines import scatter, signals, spectrum

#: What templates may call, by name.
ALL: Final[dict[str, Callable[..., Markup]]] = {
    "draw_arena": arena,
    "balance": balance,
    "bar": bar,
    "stack": stack,
    "strip": strip,
    "draw_chain": chain,
    "draw_histogram": histogram,
    "draw_scatter": scatter,
    "draw_signals": signals,
    "draw_spectrum": spectrum,
}
