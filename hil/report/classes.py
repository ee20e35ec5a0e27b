"""What is predicted how often, against what is true; and what is taken for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hil.record import Column, Run
from hil.report.chain import agreeing
from hil.verdict import drift
from hil.verdict.steps import family, shares_p

#: Stages whose confusion matrices are shown: the notebook's model, its int8 form, the board's.
MATRICES: Final = ("float", "int8", "device")

#: A matrix of more classes is unreadable (and grows with the square): the shares are shown alone.
MAX_MATRIX: Final = 24


@dataclass(frozen=True)
class Share:
    """How often a class was predicted and how often it is true, as shares of the windows."""

    predicted: float
    true: float


@dataclass(frozen=True)
class ShareRow:
    """One column's predicted-class shares; p: of their difference from the true ones.

    stands: whether it is more than chance among all tests of the run.
    """

    name: str
    windows: int
    shares: tuple[Share, ...]
    p: float | None
    stands: bool


@dataclass(frozen=True)
class Cell:
    """Windows of one true class that were given one class; share: of that true class."""

    count: int
    share: float
    right: bool


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix; rows are true classes, in the order of the run's classes.

    same_as: the stage it is compared with, where both chose the same class in every window.
    """

    name: str
    runtime: str
    windows: int
    same_as: str | None
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class ClassesView:
    """All about classes. `true`: the true shares over every labelled window; `full`: the share
    at which a bar is full, the largest of all."""

    classes: tuple[str, ...]
    true: tuple[float, ...]
    full: float
    shares: tuple[ShareRow, ...]
    matrices: tuple[Matrix, ...]
    too_many: bool


def classes_view(run: Run) -> ClassesView:
    """Return predicted shares of every stage and the confusion matrices."""
    labelled = [v for v in run.windows.label if v >= 0]
    classes = run.windows.classes
    too_many = len(classes) > MAX_MATRIX
    shown = [] if too_many else [c for n in MATRICES if (c := drift.column(run, n))]
    true = tuple(labelled.count(k) / max(1, len(labelled)) for k in range(len(classes)))
    rows = tuple(share_row(run, c) for c in drift.chain(run))
    return ClassesView(
        classes=classes,
        true=true,
        full=max(
            (s for s in (*true, *(x.predicted for r in rows for x in r.shares)) if s), default=1.0
        ),
        shares=rows,
        matrices=tuple(m for c in shown if (m := matrix(run, c)).windows),
        too_many=too_many,
    )


def share_row(run: Run, column: Column) -> ShareRow:
    """Return how often a column predicts each class, and whether that can be chance."""
    true, predicted = drift.class_counts(run, column)
    total = sum(true)
    shares = [
        Share(p / max(1, total), t / max(1, total)) for p, t in zip(predicted, true, strict=True)
    ]
    p = shares_p(run, column) if total else None
    return ShareRow(column.name, total, tuple(shares), p, _stands(run, column))


def _stands(run: Run, column: Column) -> bool:
    """Whether the test of this column, or of one with the same answers, stands in the family."""
    tested = [t.second for t in family(run) if t.kind == "shares" and t.significant]
    return any(drift.same_answers(c, column) for c in drift.chain(run) if c.name in tested)


def matrix(run: Run, column: Column) -> Matrix:
    """Return a column's confusion matrix with each cell's share of its row."""
    counts = drift.confusion(run, column)
    rows = tuple(
        tuple(Cell(int(n), int(n) / max(1, int(row.sum())), k == j) for j, n in enumerate(row))
        for k, row in enumerate(counts)
    )
    before = drift.column(run, column.after) if column.after else None
    same = before is not None and agreeing(before, column)
    return Matrix(
        name=column.name,
        runtime=column.runtime,
        windows=int(counts.sum()),
        same_as=column.after if same else None,
        rows=rows,
    )
