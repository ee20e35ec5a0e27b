"""The windows under test against the training windows, channel by channel, and shifts undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hil.record import ChannelShift, Correction, DataShift, Effect, Run
from hil.verdict import drift, steps
from hil.verdict.stats import Interval

#: Effects are drawn up to so many standard deviations between people.
EFFECT_FULL: Final = 6.0
#: Further from the training subjects' mean than this is marked.
EFFECT_FLAG: Final = 3.0

#: Kind of a correction → its name.
KINDS: Final = {
    "mirrored": "mirrored mounting (the other arm)",
    "rotated": "turned mounting",
    "exchanged": "axes of one sensor exchanged",
    "swapped-sensors": "accelerometer and gyroscope exchanged",
    "unit": "another unit",
    "amplitude": "another amplitude",
    "offset": "an offset",
}


@dataclass(frozen=True)
class EffectCell:
    """An effect, and what it is in standard deviations between people (and recordings).

    share: of EFFECT_FULL, with its sign.
    """

    effect: Effect
    share: float | None
    marked: bool


@dataclass(frozen=True)
class ShiftRow:
    """A channel. similarity: None where it was not measured."""

    channel: ChannelShift
    amplitude: EffectCell
    offset: EffectCell
    similarity: EffectCell | None


@dataclass(frozen=True)
class UndoRow:
    """A shift undone: accuracy of the first float model and of int8 before and after.

    None without labels (or without a float model). returned: accuracy, with its interval. helps:
    it returns more than chance explains, among all tests of the run.
    """

    correction: Correction
    title: str
    changed: tuple[str, ...]
    float_before: float | None
    float_after: float | None
    int8_before: float | None
    int8_after: float | None
    returned: Interval | None
    helps: bool


@dataclass(frozen=True)
class ShiftView:
    """All of it. seen: the first float model's accuracy on training windows."""

    shift: DataShift
    seen: float | None
    rows: tuple[ShiftRow, ...]
    undone: tuple[UndoRow, ...]
    frequencies: tuple[float, ...]


def shift_view(run: Run) -> ShiftView | None:
    """Return the data shift of a run, None where it was not measured."""
    shift = run.data_shift
    if shift is None:
        return None
    return ShiftView(
        shift=shift,
        seen=shift.seen_correct / shift.seen_total if shift.seen_total > 0 else None,
        rows=tuple(_row(c) for c in shift.channels),
        undone=tuple(_undo(run, shift, c) for c in shift.corrections),
        frequencies=shift.frequencies,
    )


def _row(channel: ChannelShift) -> ShiftRow:
    similarity = channel.similarity
    return ShiftRow(
        channel,
        _cell(channel.amplitude),
        _cell(channel.offset),
        _cell(similarity) if similarity else None,
    )


def _cell(effect: Effect) -> EffectCell:
    far = effect.subjects
    share = None if far is None else max(-1.0, min(1.0, far / EFFECT_FULL))
    return EffectCell(effect, share, far is not None and abs(far) > EFFECT_FLAG)


def _undo(run: Run, shift: DataShift, item: Correction) -> UndoRow:
    first = next((c for c in run.columns if c.kind == "float"), None)
    int8 = drift.column(run, "int8")
    names = [c.name for c in shift.channels]
    test = steps.test_of(run, "undone", item.kind)
    returned = steps.undone_loss(run, item)
    pairs = zip(names, item.undo, strict=False)
    return UndoRow(
        correction=item,
        title=KINDS[item.kind],
        changed=tuple(f"{name} ← {source}" for name, source in pairs if name != source),
        float_before=_right(run, first.predicted) if first else None,
        float_after=_right(run, item.float_predicted),
        int8_before=_right(run, int8.predicted) if int8 else None,
        int8_after=_right(run, item.int8_predicted),
        returned=returned,
        helps=test is not None and test.significant and bool(returned and returned.value > 0),
    )


def _right(run: Run, predicted: tuple[int, ...]) -> float | None:
    """Return the share of labelled windows that are right."""
    if not predicted:
        return None
    judged = [
        (p, t) for p, t in zip(predicted, run.windows.label, strict=True) if t >= 0 and p >= 0
    ]
    return sum(p == t for p, t in judged) / len(judged) if judged else None
