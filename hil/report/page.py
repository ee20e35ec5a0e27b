"""Puts a page together: run records and findings → views → templates → one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hil import __version__
from hil.record import Identity, Run
from hil.report import charts
from hil.report.chain import ChainView, chain_view
from hil.report.classes import ClassesView, classes_view
from hil.report.cost import CostView, cost_view
from hil.report.identity import IdentityView, identity_view
from hil.report.layers import LayersView, layers_view
from hil.report.text import FILTERS, visible
from hil.report.verdict import VerdictView, verdict_view
from hil.verdict.findings import Finding


@dataclass(frozen=True)
class RunView:
    """One run's part of the page; `id` is the prefix of its anchors."""

    id: str
    who: Identity
    verdict: VerdictView
    chain: ChainView
    axis: charts.Axis
    classes: ClassesView
    layers: LayersView
    cost: CostView
    identity: IdentityView


def run_view(number: int, run: Run, findings: Sequence[Finding]) -> RunView:
    """Return the view of the `number`-th run of a page."""
    chain = chain_view(run)
    return RunView(
        id=f"run{number}",
        who=run.identity,
        verdict=verdict_view(run, findings, chain),
        chain=chain,
        axis=charts.accuracy_axis([*chain.stages, *chain.side], chain.limit),
        classes=classes_view(run),
        layers=layers_view(run, findings),
        cost=cost_view(run),
        identity=identity_view(run),
    )


def render(runs: Sequence[Run], findings: Sequence[Sequence[Finding]]) -> str:
    """Return one self-contained HTML file of all runs, `findings[i]` being those of `runs[i]`.

    The same records give the same bytes. Nothing is fetched when the file is opened.
    """
    views = [
        run_view(i, run, found)
        for i, (run, found) in enumerate(zip(runs, findings, strict=True), start=1)
    ]
    stages = [s for view in views for s in view.chain.stages]
    return (
        _environment()
        .get_template("page.html")
        .render(
            runs=views,
            style=_style(),
            overview_axis=charts.accuracy_axis(stages),
            charts=charts,
            version=__version__,
        )
    )


@cache
def _style() -> Markup:
    """The style sheet is the project's own file, so it is written as it is."""
    return Markup(files("hil.report").joinpath("report.css").read_text("utf-8"))  # noqa: S704


@cache
def _environment() -> Environment:
    """Templates escape everything that is not Markup; a name they misspell is an error."""
    environment = Environment(
        loader=PackageLoader("hil.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(FILTERS)
    return environment


def _finalize(value: Any) -> Any:
    """Make what is written visible; Markup was made here and is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
