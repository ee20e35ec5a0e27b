"""Findings about accuracy: how much each step of the chain costs, and whether that can be told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

from hil.record import Column, LayerQuantization, Run
from hil.verdict.drift import (
    accuracy,
    calibration_error,
    chain,
    column,
    paired,
    same_answers,
    usable,
)
from hil.verdict.findings import Finding
from hil.verdict.rules.quantization import blame, input_blame
from hil.verdict.rules.wording import (
    fine,
    layer_title,
    note,
    percent,
    plural,
    points,
    problem,
    sample,
)
from hil.verdict.stats import Interval, Paired, mcnemar_exact, paired_difference, windows_needed

#: The step from a column of one kind to one of another.
STEPS: Final = {
    ("float", "float"): "pruning",
    ("float", "int8"): "quantization",
    ("int8", "device"): "device",
    ("device", "device"): "preprocessing",
}
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

Verdict = Literal["above", "unclear", "within"]


def step_losses(run: Run) -> list[Finding]:
    """Each step of the chain: loses more than the limit, cannot be told, or is within it."""
    return [f for first, second in _steps(run) for f in _step(run, first, second)]


def _steps(run: Run) -> Iterator[tuple[Column, Column]]:
    for second in chain(run):
        first = column(run, second.after) if second.after else None
        if first is not None:
            yield first, second


def _step(run: Run, first: Column, second: Column) -> list[Finding]:
    stage = STEPS.get((first.kind, second.kind), "quantization")
    table = paired(run, first, second)
    if not table.total or (second.kind == "device" and same_answers(first, second)):
        return []  # what is the same arithmetic and gives the same answers needs no statistics
    return [_loss(run, stage, first, second, table)]


def _loss(run: Run, stage: str, first: Column, second: Column, table: Paired) -> Finding:
    loss = paired_difference(table)
    effect = Interval(-loss.value, -loss.high, -loss.low)
    subject = "From float to int8" if stage == "chain" else stage.capitalize()
    numbers = _numbers(loss)
    match verdict(loss, run.max_drop):
        case "above":
            told = input_blame(run) or blame(run, int(table.only_first - table.only_second))
            if stage != "quantization":
                told = None
            headline = (
                f"{subject} costs {numbers} of accuracy, more than the limit of {run.max_drop:g}"
            )
            return problem(
                stage,
                told.cause if told else "loss",
                headline,
                evidence=[*(told.evidence if told else ()), *_evidence(run, stage, first, second)],
                location=told.location if told else _worst_layer(run, stage),
                remedy=(told and told.remedy) or REMEDIES[stage],
                effect=effect,
            )
        case "unclear":
            return _unclear(run, stage, first, second, table)
        case "within":
            headline = f"{subject} costs {numbers} of accuracy"
            if same_answers(first, second):
                headline = f"{subject} changes none of {plural(int(table.total), 'prediction')}"
            elif loss.value <= 0:
                headline = f"{subject} costs no accuracy: it changes by +{_numbers(effect)}"
            return fine(
                stage,
                "loss",
                f"{headline}, within the limit of {run.max_drop:g}",
                evidence=_evidence(run, stage, first, second),
                effect=effect,
            )


def saturated_input(run: Run) -> list[Finding]:
    """The model's input is cut off, though accuracy survives it (a loss names it itself)."""
    told = input_blame(run)
    if told is None or any(f.location == told.location for f in step_losses(run)):
        return []
    headline, remedy = told.evidence[0].capitalize(), told.remedy
    return [note("quantization", told.cause, headline, location=told.location, remedy=remedy)]


def verdict(loss: Interval, max_drop: float) -> Verdict:
    """Return what an interval of the loss says about the limit (in percentage points)."""
    if loss.low * 100 > max_drop:
        return "above"
    return "unclear" if loss.high * 100 > max_drop else "within"


def _numbers(loss: Interval) -> str:
    return f"{points(loss.value)} points (95 %: {points(loss.low)} to {points(loss.high)})"


def _unclear(run: Run, stage: str, first: Column, second: Column, table: Paired) -> Finding:
    loss = paired_difference(table)
    needed = windows_needed(table, run.max_drop / 100)
    windows = plural(int(table.total), "window")
    # Rounded up to two digits: a projection from these proportions is no more exact than that.
    more = f"about {_two_digits(needed):,} would" if needed else "no number of windows would"
    headline = (
        f"{windows} cannot tell whether {stage} costs more than {run.max_drop:g} points: "
        f"measured {_numbers(loss)}; {more}, if the proportions stay"
    )
    return note(
        stage,
        "too-few-windows",
        headline,
        evidence=_evidence(run, stage, first, second),
        remedy="record more windows (and of more people), or raise --limit",
        effect=Interval(-loss.value, -loss.high, -loss.low),
    )


def _two_digits(number: int) -> int:
    unit = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // unit) * unit


def _evidence(run: Run, stage: str, first: Column, second: Column) -> list[str]:
    table = paired(run, first, second)
    broken, mended = int(table.only_first), int(table.only_second)
    lines = [
        f"{item.name}: {percent(value.value)} right "
        f"(95 %: {points(value.low)} to {points(value.high)})"
        for item in (first, second)
        if (value := accuracy(run, item)) is not None
    ]
    lines.append(
        f"{plural(broken, 'window')} went from right to wrong, {mended} from wrong to right "
        f"(McNemar's exact test: p = {mcnemar_exact(broken, mended):.2g})"
    )
    before, after = calibration_error(run, first), calibration_error(run, second)
    if before is not None and after is not None:
        lines.append(f"calibration error {before:.3f} → {after:.3f}")
    lines.append(sample(run, first, second))
    if stage in ("quantization", "chain"):
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
    columns = [c for c in chain(run) if c.kind in ("float", "int8")]
    if len(columns) < 3 or columns[-1].kind != "int8":
        return []
    steps = [paired_difference(paired(run, a, b)) for a, b in _steps(run)]
    if any(verdict(loss, run.max_drop) == "above" for loss in steps):
        return []
    table = paired(run, columns[0], columns[-1])
    if not table.total or verdict(paired_difference(table), run.max_drop) != "above":
        return []
    return [_loss(run, "chain", columns[0], columns[-1], table)]


def unlabelled(run: Run) -> list[Finding]:
    """Without labels there is agreement, but no accuracy."""
    if any(label >= 0 for label in run.windows.label):
        return []
    return [
        note(
            "data",
            "no-labels",
            "The windows carry no labels: whether columns agree can be told, accuracy cannot",
            remedy="label some windows: about 300 tell a loss of a few points",
        )
    ]


def good_in_training(run: Run, item: Column) -> bool:
    """Whether the model is far better on its training windows: then the windows are different."""
    shift, value = run.data_shift, accuracy(run, item)
    if shift is None or not shift.seen_total or value is None:
        return False
    return shift.seen_correct / shift.seen_total - value.value > SEEN_MARGIN


def weak_model(run: Run) -> list[Finding]:
    """The first model of the chain is no better than always answering the commonest class."""
    first = next(iter(chain(run)), None)
    value = accuracy(run, first) if first else None
    if first is None or value is None:
        return []
    labels = [run.windows.label[i] for i in usable(run, first).nonzero()[0]]
    commonest = max(labels.count(k) for k in set(labels)) / len(labels)
    if len(set(labels)) < 2 or value.low > commonest or good_in_training(run, first):
        return []
    return [
        note(
            "training",
            "weak-model",
            f"The {first.name} model is {percent(value.value)} right, which is not clearly better "
            f"than always answering the commonest class ({percent(commonest)})",
            evidence=[sample(run, first)],
            remedy="better data or training comes before quantization",
        )
    ]
