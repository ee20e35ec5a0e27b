"""Drift between two runs on one screen, as text. Pure."""

from __future__ import annotations

from hil.errors import clean
from hil.verdict.baseline import CostDrift, Drift, StageDrift
from hil.verdict.flips import WindowChange
from hil.verdict.rules.wording import percent, plural, points

#: Layers that are shown one by one: those whose error changed most.
LAYERS = 6
#: Windows that are shown one by one, of a stage.
WINDOWS = 6


def drift_screen(drift: Drift) -> str:
    """Return what changed from the old run to the new one, and what it did."""
    parts = [_changed(drift), _stages(drift), _layers(drift), _costs(drift), _verdict(drift)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _changed(drift: Drift) -> list[str]:
    lines = [f"Drift: {drift.headline}"]
    for item in drift.changed:
        old, new = (clean(text, 40) for text in (item.old, item.new))
        lines.append(f"  {item.part:<9} {clean(item.what, 24):<20} {old} → {new}")
    return lines


def _stages(drift: Drift) -> list[str]:
    lines: list[str] = []
    for stage, before in zip(drift.stages, (None, *drift.stages), strict=False):
        lines.append(f"{clean(stage.name, 24):<12} {_stage(stage)}")
        lines += (
            [f"  as {clean(before.name, 24)}"]
            if before and stage.turns_as(before)
            else _windows(stage)
        )
    first = drift.first
    return [*lines, *([f"The change begins at {clean(first, 24)}"] if first else [])]


def _windows(stage: StageDrift) -> list[str]:
    """Return a line for each of the first windows that changed class."""
    flips = stage.flips or ()
    more = len(flips) - WINDOWS
    return [
        *(f"  {_window(flip)}" for flip in flips[:WINDOWS]),
        *([f"  … {more} more in the report and in --json"] if more > 0 else []),
    ]


def _window(flip: WindowChange) -> str:
    truth = "no label" if flip.truth is None else f"truly {clean(flip.truth, 24)}"
    return (
        f"window {flip.window} (person {clean(flip.subject, 24)}, recording {flip.recording}), "
        f"{truth}: {clean(flip.before, 24)} → {clean(flip.after, 24)}"
    )


def _stage(stage: StageDrift) -> str:
    if stage.old is None or stage.new is None or stage.change is None:
        changed = f"; {plural(len(stage.flips), 'window')} changed class" if stage.flips else ""
        return f"not judged in both runs{changed}"
    change = stage.change
    text = f"{percent(stage.old)} → {percent(stage.new)}"
    if stage.flips == ():
        return f"{text}, every class the same"
    text += f"  {_signed(change.value)} points ({points(change.low)} to {points(change.high)})"
    if stage.flips is None:
        return text
    return (
        f"{text}; {plural(len(stage.flips), 'window')} changed class ({stage.broken} right to "
        f"wrong, {stage.mended} wrong to right; p = {stage.p:.2g}):"
    )


def _signed(share: float) -> str:
    text = points(share)
    return f"+{text}" if share > 0 and text != "0.0" else text


def _layers(drift: Drift) -> list[str]:
    def moved(pair: tuple[float | None, float | None]) -> float:
        a, b = pair
        return 0.0 if a is None or b is None else abs(b - a)

    worst = sorted(drift.layers, key=lambda layer: -moved(layer.sqnr_db))[:LAYERS]
    lines = [
        f"  {clean(layer.name, 32):<32} SQNR {_db(layer.sqnr_db[0])} → {_db(layer.sqnr_db[1])}"
        for layer in worst
        if moved(layer.sqnr_db)
    ]
    return [f"{plural(len(drift.layers), 'layer')} changed", *lines] if drift.layers else []


def _db(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} dB"


def _costs(drift: Drift) -> list[str]:
    return [f"{c.name:<12} {c.old:,} → {c.new:,}{_share(c)}" for c in drift.costs]


def _share(cost: CostDrift) -> str:
    return f" ({(cost.new - cost.old) / cost.old * 100:+.1f} %)" if cost.old else ""


def _verdict(drift: Drift) -> list[str]:
    if drift.max_drift is None:
        return []
    limit = f"--max-drift {drift.max_drift:g}"
    if drift.failed:
        names = ", ".join(clean(name, 24) for name in drift.above)
        return [f"✗ above {limit} points: {names}"]
    return [f"✓ no stage loses more than {limit} points"]
