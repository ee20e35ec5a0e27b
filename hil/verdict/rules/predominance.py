"""Finding: one class is predicted (nearly) all the time."""

from __future__ import annotations

from typing import Final

from hil.errors import clean
from hil.record import Column, Run
from hil.verdict.drift import chain, class_counts, usable
from hil.verdict.findings import Finding
from hil.verdict.rules.accuracy import good_elsewhere
from hil.verdict.rules.steps import probability
from hil.verdict.rules.training import favoured
from hil.verdict.rules.wording import note, percent, problem
from hil.verdict.stats import FAMILY_ERROR
from hil.verdict.steps import STAGES, class_p, test_of

#: A class counts as predominant when it is predicted this much more often than it occurs (and
#: chance, among all tests of the run, does not explain it).
EXCESS: Final = 0.20
#: Without labels the true shares are unknown; this large a share asks for a look.
UNLABELLED_SHARE: Final = 0.9
REMEDIES: Final = {
    "training": "train with balanced classes and check the labels",
    "data": "the model is right on other windows: check units, axes and mounting",
    "preprocessing": "check units and axis order",
}


def predominance(run: Run) -> list[Finding]:
    """The first column of the chain in which a class is predicted far too often.

    Tested on the same windows: those wrongly given the class against those wrongly denied it.
    """
    for item in chain(run):
        if usable(run, item).any():
            found = _predominant(run, item)
            if found is not None:
                begun = favoured(run)  # in training: told there
                same = begun is not None and begun.number == found
                return [] if same else [_finding(run, item, found)]
    return []


def _predominant(run: Run, item: Column) -> int | None:
    test = test_of(run, "shares", item.name)
    if test is None or not test.significant:
        return None
    true, predicted = class_counts(run, item)
    for k in sorted(range(len(true)), key=lambda k: true[k] - predicted[k]):
        sure = class_p(run, item, k) * len(true) < FAMILY_ERROR
        if sure and predicted[k] - true[k] > EXCESS * sum(true):
            return k
    return None


def _finding(run: Run, item: Column, k: int) -> Finding:
    true, predicted = class_counts(run, item)
    total = sum(true)
    name = clean(run.windows.classes[k], 40)
    before = next((c for c in run.columns if c.name == item.after), None)
    first = "data" if good_elsewhere(run, item) else "training"
    stage = STAGES.get((before.kind, item.kind), "quantization") if before else first
    begins = f"it begins at {item.name}" if before else "the first model does so already"
    evidence = [
        f"{clean(c, 40)}: predicted {p}, true {t} of {total} windows"
        for c, p, t in zip(run.windows.classes, predicted, true, strict=True)
    ]
    if (test := test_of(run, "shares", item.name)) is not None:
        evidence.append(
            f"windows wrongly given a class against denied it: {probability(test, run)}"
        )
    headline = (
        f"{item.name} answers {name} for {percent(predicted[k] / total)} of the windows, though "
        f"only {percent(true[k] / total)} are; {begins}"
    )
    remedy = REMEDIES.get(stage, "check scale and zero point of the input and output")
    return problem(stage, "predominance", headline, location=name, evidence=evidence, remedy=remedy)


def predominance_unlabelled(run: Run) -> list[Finding]:
    """Without labels: nearly every window is given one class."""
    if any(label >= 0 for label in run.windows.label) or len(run.windows.classes) < 2:
        return []
    for item in chain(run):
        measured = [p for p in item.predicted if p >= 0]
        counts = [measured.count(k) for k in range(len(run.windows.classes))]
        if not measured or max(counts) < UNLABELLED_SHARE * len(measured):
            continue
        test = test_of(run, "shares", item.name)
        if test is None or not test.significant:
            continue
        name = clean(run.windows.classes[counts.index(max(counts))], 40)
        headline = (
            f"{item.name} answers {name} for {percent(max(counts) / len(measured))} of the windows"
        )
        evidence = [f"were all classes equally common: {probability(test, run)}"]
        return [
            note(
                "data",
                "predominance",
                headline,
                location=name,
                evidence=evidence,
                remedy="if the recordings are not that one-sided, label a few to be sure",
            )
        ]
    return []
