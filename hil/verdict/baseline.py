"""What changed between two runs, and what that did: drift. A pure function of two run records.

Accuracy is compared stage by stage. Where both runs saw the same windows, every change is that of
these very windows: it is counted, not estimated, and a threshold applies to it as it is. Where the
windows differ, only what the interval surely excludes counts (each side resampled by recording).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hil.record import Column, LayerDevice, LayerQuantization, Run
from hil.verdict import drift
from hil.verdict.drift import column, correct, judged_recordings, recordings, usable
from hil.verdict.flips import WindowChange, window_changes
from hil.verdict.resampling import by_recording, resampled, resampled_difference, widest
from hil.verdict.stats import Interval, Paired, mcnemar_exact, paired_difference

#: Part of a run → the fields of its identity that make it another one.
PARTS: Final = {
    "model": ("model_name", "model_arch", "model_hash", "arithmetic"),
    "firmware": ("firmware_version", "firmware_hash", "elf_sha256", "protocol"),
    "data": ("vectors_source", "vectors_sha256", "raw_unit"),
    "device": ("board", "backend", "backend_description", "via", "clock_hz", "device_id"),
}

#: Instructions are exact, sizes are linked: any difference is one.
COSTS: Final = ("instructions", "cycles", "flash", "RAM", "arena", "stack")


@dataclass(frozen=True)
class Changed:
    """A fact that differs. part: "model", "firmware", "data", "device" or "software"."""

    part: str
    what: str
    old: str
    new: str


@dataclass(frozen=True)
class StageDrift:
    """One column in both runs. change: of accuracy, a share; its interval where windows differ.

    broken, mended: windows from right to wrong and from wrong to right; flips: that changed class
    at all; p: of McNemar's exact test. These are None where the windows are not the same.
    """

    name: str
    old: float | None
    new: float | None
    change: Interval | None
    flips: tuple[WindowChange, ...] | None
    broken: int | None
    mended: int | None
    p: float | None

    def turns_as(self, other: StageDrift) -> bool:
        """Whether the same windows changed class as in another stage, and in the same way."""
        return bool(self.flips) and self._turned() == other._turned()

    def _turned(self) -> list[tuple[int, str, str]]:
        return [(f.window, f.before, f.after) for f in self.flips or ()]


@dataclass(frozen=True)
class LayerDrift:
    """One layer, by its name, in both runs; None where a run does not have it."""

    name: str
    op: str
    sqnr_db: tuple[float | None, float | None]
    rmse_over_scale: tuple[float | None, float | None]
    differing: tuple[int | None, int | None]
    instructions: tuple[int | None, int | None]


@dataclass(frozen=True)
class CostDrift:
    """A cost in both runs, in instructions, cycles or bytes."""

    name: str
    old: int
    new: int


@dataclass(frozen=True)
class Drift:
    """From an old run to a new one. same_windows: both saw the same windows, in the same order.

    max_drift: points that a stage may lose (None: no limit). above: the stages that lose more.
    """

    changed: tuple[Changed, ...]
    same_windows: bool
    stages: tuple[StageDrift, ...]
    layers: tuple[LayerDrift, ...]
    costs: tuple[CostDrift, ...]
    max_drift: float | None
    above: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """What changed, each part once."""
        return tuple(dict.fromkeys(c.part for c in self.changed))

    @property
    def headline(self) -> str:
        """What changed, in one line."""
        if not self.changed:
            return "nothing changed between the runs"
        windows = "on the same windows" if self.same_windows else "on other windows"
        return f"{', '.join(self.parts)} changed; compared {windows}"

    @property
    def first(self) -> str | None:
        """The first stage whose answers changed; None: none did, or the windows differ."""
        return next((s.name for s in self.stages if s.flips), None)

    @property
    def failed(self) -> bool:
        """Whether a stage loses more than the limit."""
        return bool(self.above)


def compare(old: Run, new: Run, max_drift: float | None = None) -> Drift:
    """Return the drift from `old` to `new`; max_drift in points of accuracy."""
    same = same_windows(old, new)
    stages = tuple(_stages(old, new, same))
    return Drift(
        changed=tuple(_changed(old, new, same)),
        same_windows=same,
        stages=stages,
        layers=tuple(_layers(old, new)),
        costs=tuple(_costs(old, new)),
        max_drift=max_drift,
        above=_above(stages, same, max_drift),
    )


def same_windows(old: Run, new: Run) -> bool:
    """Return whether both runs judged the same windows: same set, same choice, same labels."""
    return old.identity.vectors_sha256 == new.identity.vectors_sha256 and old.windows == new.windows


def _above(stages: Sequence[StageDrift], same: bool, max_drift: float | None) -> tuple[str, ...]:
    if max_drift is None:
        return ()
    limit = -max_drift / 100
    # An epsilon, so that 3 windows of 300 are not more than 1 point.
    lost = [(s, s.change.value if same else s.change.high) for s in stages if s.change]
    return tuple(s.name for s, change in lost if change < limit - 1e-9)


def _changed(old: Run, new: Run, same: bool) -> Iterator[Changed]:
    for part, fields in PARTS.items():
        for field in fields:
            a, b = getattr(old.identity, field), getattr(new.identity, field)
            if a != b:
                yield Changed(part, field.replace("_", " "), _text(a), _text(b))
    if not same and old.identity.vectors_sha256 == new.identity.vectors_sha256:
        a, b = len(old.windows.label), len(new.windows.label)
        yield Changed("data", "windows chosen", _text(a), _text(b) if a != b else f"{b} others")
    if old.origin and new.origin and old.origin.seed != new.origin.seed:
        yield Changed("model", "seed", _text(old.origin.seed), _text(new.origin.seed))
    versions, others = old.identity.versions, new.identity.versions
    for name in sorted({*versions, *others}):
        a, b = versions.get(name), others.get(name)
        if a != b:
            yield Changed("software", name, _text(a), _text(b))


def _text(value: object) -> str:
    return "none" if value is None else str(value)


def _stages(old: Run, new: Run, same: bool) -> Iterator[StageDrift]:
    for item in drift.chain(new):
        before = column(old, item.name)
        if before is None or before.side_branch:
            continue
        a, b = drift.accuracy(old, before), drift.accuracy(new, item)
        shared = StageDrift(
            item.name, a.value if a else None, b.value if b else None, None, None, None, None, None
        )
        yield (
            _same(shared, old, new, before, item)
            if same
            else _other(shared, old, new, before, item)
        )


def _same(made: StageDrift, old: Run, new: Run, before: Column, item: Column) -> StageDrift:
    """The same windows: counted."""
    mask = usable(old, before) & usable(new, item)
    a, b = correct(old, before)[mask], correct(new, item)[mask]
    table = Paired(
        int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())
    )
    flips = window_changes(new, before, item)
    change = None
    if table.total:
        lost = paired_difference(table)
        group = by_recording(a.astype(float) - b, recordings(new)[mask])
        lost = widest(lost, resampled(group))
        change = Interval(-lost.value, -lost.high, -lost.low)
    broken, mended = int(table.only_first), int(table.only_second)
    p = mcnemar_exact(broken, mended) if table.total else None
    return StageDrift(made.name, made.old, made.new, change, flips, broken, mended, p)


def _other(made: StageDrift, old: Run, new: Run, before: Column, item: Column) -> StageDrift:
    """Other windows: estimated, each side over its recordings; unknown with fewer than two."""
    if made.old is None or made.new is None:
        return made
    gained = resampled_difference(judged_recordings(new, item), judged_recordings(old, before))
    change = gained or Interval(made.new - made.old, -1.0, 1.0)
    return StageDrift(made.name, made.old, made.new, change, None, None, None, None)


def _layers(old: Run, new: Run) -> Iterator[LayerDrift]:
    """Yield the layers of both runs that differ in a figure, in the order of the new one."""
    errors = [{q.name: q for q in run.quantization} for run in (old, new)]
    devices = [{d.name: d for d in run.device_layers} for run in (old, new)]
    names = dict.fromkeys([*devices[1], *errors[1], *devices[0], *errors[0]])
    for name in names:
        a, b = (
            _layer(name, e.get(name), d.get(name)) for e, d in zip(errors, devices, strict=True)
        )
        if a != b:
            op = b[0] or a[0]
            yield LayerDrift(name, op, *zip(a[1:], b[1:], strict=True))  # type: ignore[arg-type]


def _layer(
    name: str, error: LayerQuantization | None, device: LayerDevice | None
) -> tuple[str, float | None, float | None, int | None, int | None]:
    return (
        device.op if device else error.op if error else "",
        error.sqnr_db if error else None,
        error.rmse_over_scale if error else None,
        device.differing if device and device.compared else None,
        device.instructions if device else None,
    )


def _costs(old: Run, new: Run) -> Iterator[CostDrift]:
    for name, a, b in zip(COSTS, _cost(old), _cost(new), strict=True):
        if a is not None and b is not None and a != b:
            yield CostDrift(name, a, b)


def _cost(run: Run) -> tuple[int | None, ...]:
    memory = run.memory
    linked: tuple[int | None, ...] = (None, None, None, None)
    if memory is not None:
        linked = (memory.flash_used, memory.ram_static, memory.arena, memory.stack_peak)
    return (run.instructions_per_inference, run.cycles_per_inference, *linked)
