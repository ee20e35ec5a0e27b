"""Findings about accuracy: how much each step of the chain costs, and whether that can be told."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Literal

from hil.record import Column, LayerQuantization, Run
from hil.verdict.drift import accuracy, column, same_answers
from hil.verdict.findings import Finding
from hil.verdict.rules.quantization import blame, input_blame, retrained
from hil.verdict.rules.steps import change_evidence, numbers, to_tell
from hil.verdict.rules.wording import (
    fine,
    layer_title,
    note,
    percent,
    plural,
    problem,
    sample,
)
from hil.verdict.stats import Interval
from hil.verdict.steps import Step, held_out, steps, total_step

REMEDIES: Final = {
    "pruning": "prune less, or train longer after pruning",
    "quantization": "calibrate on more typical windows, or train quantization-aware (qat.tflite)",
    "device": "the device must equal the int8 model: mend that first",
    "preprocessing": "the device's model inputs must equal the computer's: mend that first",
    "chain": "the steps add up: look at the table, and begin with the largest",
}

#: One bit of precision is 6.02 dB; a layer that loses more than that at once stands out.
SQNR_DROP_DB: Final = 6.02

#: Training windows are known to the model: being better on them by less than this says nothing.
SEEN_MARGIN: Final = 0.20

Verdict = Literal["above", "costs", "unclear", "within"]


def step_losses(run: Run) -> list[Finding]:
    """Each step on the same windows: loses more than the limit, cannot be told, or is within it."""
    return [_loss(run, step) for step in steps(run) if _statistical(run, step)]


def _statistical(run: Run, step: Step) -> bool:
    """What is the same arithmetic and gives the same answers needs no statistics."""
    if step.table is None:
        return False  # of other windows: hil/verdict/rules/shift.py
    first, second = _columns(run, step)
    return not (second.kind == "device" and same_answers(first, second))


def _columns(run: Run, step: Step) -> tuple[Column, Column]:
    first, second = column(run, step.first), column(run, step.second)
    assert first is not None
    assert second is not None
    return first, second


def verdict(step: Step, max_drop: float) -> Verdict:
    """Return what a step's test and interval say about the limit (in percentage points)."""
    if step.loss.high * 100 <= max_drop:
        return "within"
    if not step.significant or step.loss.value <= 0:
        return "unclear"
    return "above" if step.loss.low * 100 > max_drop else "costs"


def _loss(run: Run, step: Step) -> Finding:
    match verdict(step, run.max_drop):
        case "above":
            return _blamed(run, step, above=True)
        case "costs":
            return _blamed(run, step, above=False)
        case "unclear":
            return _unclear(run, step)
        case "within":
            return _within(run, step)


def _subject(step: Step) -> str:
    return "From float to int8" if step.stage == "chain" else step.stage.capitalize()


def _effect(step: Step) -> Interval:
    return Interval(-step.loss.value, -step.loss.high, -step.loss.low)


def _blamed(run: Run, step: Step, above: bool) -> Finding:
    """The loss is more than chance: where it comes from, as far as experiments tell."""
    told = None
    if step.stage == "quantization" and step.table is not None:
        lost = int(step.table.only_first - step.table.only_second)
        told = input_blame(run) or blame(run, lost)
    limit = f"more than the limit of {run.max_drop:g}"
    if not above:
        limit = f"more than chance; whether {limit}, {to_tell(step, run.max_drop)}"
    return (problem if above else note)(
        step.stage,
        told.cause if told else "loss",
        f"{_subject(step)} costs {numbers(step.loss)} of accuracy, {limit}",
        evidence=[*(told.evidence if told else tried(run, step)), *_evidence(run, step)],
        location=told.location if told else _worst_layer(run, step.stage),
        remedy=(told and told.remedy) or REMEDIES[step.stage],
        effect=_effect(step),
    )


def tried(run: Run, step: Step) -> list[str]:
    """Return what training quantization-aware gave, where the step is quantization's."""
    return retrained(run) if step.stage == "quantization" else []


def _within(run: Run, step: Step) -> Finding:
    headline = f"{_subject(step)} costs {numbers(step.loss)} of accuracy"
    if same_answers(*_columns(run, step)):
        headline = f"{_subject(step)} changes none of {plural(step.windows, 'prediction')}"
    elif step.loss.value <= 0:
        headline = f"{_subject(step)} costs no accuracy: it changes by +{numbers(_effect(step))}"
    return fine(
        step.stage,
        "loss",
        f"{headline}, within the limit of {run.max_drop:g}",
        evidence=_evidence(run, step),
        effect=_effect(step),
    )


def _unclear(run: Run, step: Step) -> Finding:
    headline = (
        f"{plural(step.windows, 'window')} cannot tell whether {step.stage} costs more than "
        f"{run.max_drop:g} points: accuracy changes by {numbers(_effect(step))}; "
        f"{to_tell(step, run.max_drop)}, if the proportions stay"
    )
    return note(
        step.stage,
        "too-few-windows",
        headline,
        evidence=_evidence(run, step),
        remedy="record more windows (and of more people), or raise --max-drop",
        effect=_effect(step),
    )


def saturated_input(run: Run) -> list[Finding]:
    """The model's input is cut off, though accuracy survives it (a loss names it itself)."""
    told = input_blame(run)
    if told is None or any(f.location == told.location for f in step_losses(run)):
        return []
    headline, remedy = told.evidence[0].capitalize(), told.remedy
    return [note("quantization", told.cause, headline, location=told.location, remedy=remedy)]


def _evidence(run: Run, step: Step) -> list[str]:
    first, second = _columns(run, step)
    lines = [*change_evidence(run, step, run, first, second), sample(run, first, second)]
    if step.stage in ("quantization", "chain"):
        lines += _layer_evidence(run)
    return lines


def _layer_evidence(run: Run) -> list[str]:
    lines = []
    if (drop := _largest_drop(run)) is not None:
        layer, fell = drop
        lines.append(
            f"precision falls most at layer {layer_title(layer.name, layer.op)}: "
            f"signal to quantization noise {fell:.1f} dB lower than before it"
        )
    # 1 %: fewer than that are single extreme samples. A softmax has a fixed scale, and its rails
    # are only near certainty.
    lines += [
        f"layer {layer_title(q.name, q.op)}: {percent(q.saturated_share)} of its values are at "
        "the end of the int8 range"
        for q in run.quantization
        if q.saturated_share > 0.01 and q.op != "SOFTMAX"
    ]
    return lines


def _largest_drop(run: Run) -> tuple[LayerQuantization, float] | None:
    """Return the layer where precision falls most, if by more than a bit, and by how much (dB)."""
    known = [(q, q.sqnr_db) for q in run.quantization if q.sqnr_db is not None]
    drops = [(now, a - b) for (_, a), (now, b) in pairwise(known)]
    drop = max(drops, key=lambda item: item[1], default=None)
    return drop if drop and drop[1] > SQNR_DROP_DB else None


def _worst_layer(run: Run, stage: str) -> str | None:
    drop = _largest_drop(run) if stage in ("quantization", "chain") else None
    return drop[0].name if drop else None


def total_loss(run: Run) -> list[Finding]:
    """From float to int8 over several steps, none of which is above the limit alone."""
    total = total_step(run)
    if total is None or any(
        verdict(s, run.max_drop) == "above" for s in steps(run) if s.table is not None
    ):
        return []
    return [_loss(run, total)] if verdict(total, run.max_drop) == "above" else []


def unlabelled(run: Run) -> list[Finding]:
    """Without labels there is agreement, but no accuracy."""
    if any(label >= 0 for label in run.windows.label):
        return []
    return [
        note(
            "data",
            "no-labels",
            "The windows carry no labels: whether columns agree can be told, accuracy cannot",
            remedy="label some windows: about 300 tell a loss of a few points. A still pose tells "
            "a bias and the mounting, time stamps tell the rate",
        )
    ]


def good_elsewhere(run: Run, item: Column) -> bool:
    """Whether the model is far better on held-out (else on training) windows than on these."""
    value = accuracy(run, item)
    if value is None:
        return False
    before = held_out(run)
    if before is not None and (good := accuracy(before, before.columns[0])) is not None:
        return good.value - value.value > SEEN_MARGIN
    shift = run.data_shift
    if shift is None or not shift.seen_total:
        return False
    return shift.seen_correct / shift.seen_total - value.value > SEEN_MARGIN
