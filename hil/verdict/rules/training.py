"""Findings about the training itself: what the first model has not learnt, or answers too often.

Told from windows that the model was trained on (hil/run/fit.py) where the record has them: there
no other person, mounting or movement can have a part. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hil.errors import clean
from hil.record import Run
from hil.verdict.drift import accuracy, chain, class_counts, usable
from hil.verdict.findings import Finding
from hil.verdict.rules.accuracy import good_elsewhere
from hil.verdict.rules.steps import probability
from hil.verdict.rules.wording import note, percent, plural, points, problem, sample
from hil.verdict.stats import Interval
from hil.verdict.steps import better_fit, fitted, test_of

#: On fewer windows a good model may be no better than one answer, by their choice alone.
ENOUGH: Final = 30
#: Of the windows that are wrong, these many must come right for one class to be what is wrong.
MOST: Final = 0.5
REMEDY: Final = "train longer, or with other settings, and look at the loss: it was not learnt yet"


@dataclass(frozen=True)
class Favoured:
    """A class that the first model answers too often on its own training windows, and the change
    of accuracy there that it costs (negative).
    """

    number: int
    effect: Interval


def favoured(run: Run) -> Favoured | None:
    """Return the class that training favours, where lowering its score alone mends most.

    A gain is asked for that is beyond chance among all tests of the run, and larger than the limit.
    """
    found, model = better_fit(run, "lowered", "predicted"), fitted(run, "predicted")
    test = test_of(run, "fit", "lowered")
    if run.fit is None or found is None or model is None or test is None or not test.significant:
        return None
    table, gain = found
    wrong = table.only_first + table.neither
    if gain.value * 100 <= run.max_drop or table.only_first - table.only_second < MOST * wrong:
        return None
    return Favoured(run.fit.favoured, Interval(-gain.value, -gain.high, -gain.low))


def training(run: Run) -> list[Finding]:
    """What is wrong with the first model before it has seen any other recording."""
    found, missed = favoured(run), _not_learnt(run)
    if found is None and not missed:
        return _weak_model(run)
    return [*([_favours(run, found)] if found else []), *missed]


def _favours(run: Run, found: Favoured) -> Finding:
    where = fitted(run, "predicted")
    assert where is not None
    true, predicted = (counts[found.number] for counts in class_counts(*where))
    total, name = len(where[1].predicted), clean(run.windows.classes[found.number], 40)
    return problem(
        "training",
        "predominance",
        f"The first model answers {name} too often on windows that it was trained on: "
        f"{percent(predicted / total)}, and {percent(true / total)} are",
        location=name,
        evidence=[
            *_right(run, "predicted", "as it is"),
            *_right(run, "lowered", f"with the score of {name} lowered"),
            *_tested(run, "lowered"),
        ],
        remedy="train with balanced classes, to the end, and check the labels",
        effect=found.effect,
    )


def _not_learnt(run: Run) -> list[Finding]:
    """A simple model of people that it has not seen beats the first one on its own windows."""
    found, test = better_fit(run, "simple", "lowered"), test_of(run, "fit", "simple")
    if found is None or test is None or not test.significant:
        return []
    gain = found[1]
    if gain.low * 100 <= run.max_drop:
        return []
    return [
        problem(
            "training",
            "weak-model",
            f"The first model has not learnt the windows that it was trained on: a simple model is "
            f"{points(gain.value)} points better there",
            evidence=[
                *_right(run, "predicted", "the first model"),
                *_right(
                    run,
                    "simple",
                    "ridge regression on the windows' means and covariances, each person judged by "
                    "the others",
                ),
                *_tested(run, "simple"),
            ],
            remedy=REMEDY,
            effect=Interval(-gain.value, -gain.high, -gain.low),
        )
    ]


def _right(run: Run, name: str, who: str) -> list[str]:
    made = fitted(run, name)  # type: ignore[arg-type]
    value = accuracy(*made) if made else None
    if made is None or value is None:
        return []
    of = plural(len(made[1].predicted), "training window")
    return [f"{who}: {percent(value.value)} of {of} right"]


def _tested(run: Run, name: str) -> list[str]:
    test = test_of(run, "fit", name)
    return [f"McNemar's exact test: {probability(test, run)}"] if test else []


def _weak_model(run: Run) -> list[Finding]:
    """The first model of the chain is no better than always answering the commonest class.

    Where even what was measured is no better, on enough windows, there is nothing further down
    the chain to look for: a problem. Where it only may be so, a note.
    """
    first = next(iter(chain(run)), None)
    value = accuracy(run, first) if first else None
    if first is None or value is None:
        return []
    labels = [run.windows.label[i] for i in usable(run, first).nonzero()[0]]
    commonest = max(labels.count(k) for k in set(labels)) / len(labels)
    if len(set(labels)) < 2 or value.low > commonest or good_elsewhere(run, first):
        return []
    no_better = value.value <= commonest and len(labels) >= ENOUGH
    return [
        (problem if no_better else note)(
            "training",
            "weak-model",
            f"The {first.name} model is {percent(value.value)} right, which is not clearly better "
            f"than always answering the commonest class ({percent(commonest)})",
            evidence=[sample(run, first)],
            remedy="better data or training comes before quantization",
        )
    ]
