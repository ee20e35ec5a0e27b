"""Puts a page together: run records and findings → views → templates → one HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hil import __version__
from hil.record import Identity, Run
from hil.report import pictures
from hil.report.arena import ArenaView, arena_view
from hil.report.chain import ChainView, chain_view
from hil.report.channels import ChannelsView, channels_view
from hil.report.classes import ClassesView, classes_view
from hil.report.cost import CostView, cost_view
from hil.report.drift import DriftView, drift_view
from hil.report.experiments import ExperimentsView, experiments_view
from hil.report.histograms import HistogramView, histograms_view
from hil.report.identity import IdentityView, identity_view
from hil.report.kinds import KindView, kinds_view
from hil.report.layers import LayersView, layers_view
from hil.report.parts import PartView, anchors, elsewhere, links, parts_view
from hil.report.pictures.axis import Axis, accuracy_axis
from hil.report.shift import ShiftView, shift_view
from hil.report.text import FILTERS, visible
from hil.report.verdict import VerdictView, verdict_view
from hil.verdict.baseline import Drift
from hil.verdict.findings import Finding
from hil.verdict.retrained import Gain, gains


@dataclass(frozen=True)
class RunView:
    """One run's part of the page; `id` is the prefix of its anchors.

    links: of each stage of the chain what it opens. anchors: stage → where it is looked at.
    remarks: findings that no part shows.
    """

    id: str
    who: Identity
    verdict: VerdictView
    chain: ChainView
    axis: Axis
    parts: tuple[PartView, ...]
    links: list[str | None]
    anchors: dict[str, str]
    remarks: tuple[Finding, ...]
    classes: ClassesView
    layers: LayersView
    experiments: ExperimentsView | None
    retrained: tuple[Gain, ...]
    histograms: tuple[HistogramView, ...]
    kinds: tuple[KindView, ...]
    channels: ChannelsView | None
    shift: ShiftView | None
    cost: CostView
    arena: ArenaView | None
    identity: IdentityView
    drift: DriftView | None


def run_view(
    number: int, run: Run, findings: Sequence[Finding], drift: Drift | None = None
) -> RunView:
    """Return the view of the `number`-th run of a page."""
    name, chain, shift = f"run{number}", chain_view(run), shift_view(run)
    verdict = verdict_view(run, findings, chain)
    parts = parts_view(run, findings, chain, verdict, name, shift)
    return RunView(
        id=name,
        who=run.identity,
        verdict=verdict,
        chain=chain,
        axis=accuracy_axis([*chain.stages, *chain.side], chain.limit),
        parts=parts,
        links=links(parts, [s.name for s in chain.stages]),
        anchors=anchors(parts),
        remarks=elsewhere(parts, verdict.remarks),
        classes=classes_view(run),
        layers=layers_view(run, findings),
        experiments=experiments_view(run.trials),
        retrained=tuple(gains(run)),
        histograms=histograms_view(run),
        kinds=kinds_view(run, findings),
        channels=channels_view(run),
        shift=shift,
        cost=cost_view(run),
        arena=arena_view(run),
        identity=identity_view(run),
        drift=drift_view(run, drift) if drift else None,
    )


def render(
    runs: Sequence[Run], findings: Sequence[Sequence[Finding]], drift: Drift | None = None
) -> str:
    """Return one self-contained HTML file of all runs, `findings[i]` being those of `runs[i]`.

    The same records give the same bytes. Nothing is fetched when the file is opened, and of
    scripts only the page's own runs. drift: from a baseline to the only run.
    """
    views = [
        run_view(i, run, found, drift)
        for i, (run, found) in enumerate(zip(runs, findings, strict=True), start=1)
    ]
    stages = [s for view in views for s in view.chain.stages]
    script = _own("report.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            runs=views,
            style=_own("report.css"),
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            overview_axis=accuracy_axis(stages),
            version=__version__,
        )
    )


@cache
def _own(name: str) -> Markup:
    """Style sheet and script are the project's own files, so they are written as they are."""
    return Markup(files("hil.report").joinpath(name).read_text("utf-8"))  # noqa: S704


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
    environment.globals.update(pictures.ALL)
    return environment


def _finalize(value: Any) -> Any:
    """Make what is written visible; Markup was made here and is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
