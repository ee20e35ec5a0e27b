"""The statistical tests of a run: every step of the chain, and one family-wise error for all. Pure.

Where both columns saw the same windows, McNemar's exact test decides; from held-out recordings to
those under test, exchanging whole recordings does. A step whose columns answer the same class
everywhere cannot be significant however many others there are, and is no member of the family
(R. E. Tarone, "A Modified Bonferroni Method for Discrete Data", Biometrics 46 (1990) 515–522).
Nor are the exact steps where they give the same classes: they are judged by their bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy.stats import norm

from hil.record import Column, Correction, Run, Validation
from hil.verdict.drift import (
    calibration_error,
    chain,
    column,
    judged_recordings,
    loss,
    paired,
    same_answers,
    usable,
)
from hil.verdict.resampling import exchanged_p, resampled_difference
from hil.verdict.stats import (
    FAMILY_ERROR,
    MAX_WINDOWS,
    Interval,
    Paired,
    holm,
    mcnemar_exact,
    multinomial_p,
    paired_difference,
    windows_needed,
)

#: The step from a column of one kind to one of another.
STAGES: Final = {
    ("float", "float"): "pruning",
    ("float", "int8"): "quantization",
    ("int8", "device"): "device",
    ("device", "device"): "preprocessing",
}
#: The step from held-out recordings to those under test.
DATA: Final = "data"


@dataclass(frozen=True)
class Significance:
    """One test of the family. family_p: its p-value by Holm, to be compared with FAMILY_ERROR;
    among: so many tests.

    kind: "step" (first → second), "total" (float → int8 over several steps), "shares" (the classes
    that column `second` predicts against the true ones), "undone" (a correction of the windows, by
    its kind in `second`), "distance" (the windows against the training windows) or "fit" (the first
    model on windows it was trained on, against what `second` of hil.record.Fit gets right there).
    """

    kind: str
    first: str
    second: str
    p: float
    family_p: float = 1.0
    among: int = 1

    @property
    def significant(self) -> bool:
        """Whether it stands in its family."""
        return self.family_p < FAMILY_ERROR

    def wanting(self, deviate: float) -> float:
        """Return how many times the windows it would take to stand as the first of its family.

        deviate: how many standard errors its change is from none, which grows with the root of the
        windows. 1 where it stands; infinity where there is no change.
        """
        if self.significant:
            return 1.0
        enough = float(norm.isf(FAMILY_ERROR / self.among / 2))
        return max(1.0, enough / deviate) ** 2 if deviate > 0 else math.inf


@dataclass(frozen=True)
class Step:
    """One step of the chain, from column `first` to column `second`.

    stage: what it blames. loss: of accuracy, a share with its 95 % interval (negative: a gain).
    table: how both did on the same windows; None where the windows differ. calibration: expected
    calibration error of both. test: None where it has none (no window changes its class).
    windows: judged in `second`.
    """

    stage: str
    first: str
    second: str
    loss: Interval
    table: Paired | None
    calibration: tuple[float | None, float | None]
    windows: int
    test: Significance | None = None

    @property
    def significant(self) -> bool:
        """Whether the change is more than chance, among all tests of the run."""
        return self.test is not None and self.test.significant

    def needed(self, limit: float) -> int | None:
        """Return how many windows in all would settle the loss against `limit`, a share.

        At the same proportions, and with as many recordings for each window as here: its interval
        excludes the limit and, for a loss above it, its test is significant. None: no number up to
        MAX_WINDOWS would.
        """
        half = (self.loss.high - self.loss.low) / 2
        if self.table is None:
            windows = self.windows * (half / max(abs(self.loss.value - limit), 1e-9)) ** 2
        else:
            alone = paired_difference(self.table)
            # What resampling by recording widens the interval by, more windows have to narrow.
            wider = max(1.0, 2 * half / (alone.high - alone.low))
            windows = (windows_needed(self.table, limit) or math.inf) * wider**2
        if self.loss.value > limit and self.test is not None:
            windows = max(windows, self.windows * self.test.wanting(self._deviate()))
        return math.ceil(windows) if windows < MAX_WINDOWS else None

    def _deviate(self) -> float:
        """Return the change in its standard errors: of discordant windows, else by its p-value."""
        if self.table is not None:
            discordant = self.table.only_first + self.table.only_second
            net = abs(self.table.only_first - self.table.only_second)
            return net / math.sqrt(discordant) if discordant else 0.0
        return float(norm.isf(self.test.p / 2)) if self.test is not None else 0.0


def pairs(run: Run) -> Iterator[tuple[str, Column, Column]]:
    """Yield the chain's steps on the same windows: stage, column before, column."""
    for second in chain(run):
        first = column(run, second.after) if second.after else None
        if first is not None and usable(run, first, second).any():
            yield STAGES.get((first.kind, second.kind), "quantization"), first, second


def steps(run: Run) -> list[Step]:
    """Return every step of the chain that has windows to judge, in its order."""
    tests = {(t.first, t.second): t for t in family(run) if t.kind == "step"}
    made = []
    if (data := _data_step(run)) is not None:
        made.append(data)
    made += [paired_step(run, *pair) for pair in pairs(run)]
    return [replace(step, test=tests.get((step.first, step.second))) for step in made]


def paired_step(run: Run, stage: str, first: Column, second: Column) -> Step:
    """Return a step on the same windows, without its test."""
    calibration = calibration_error(run, first), calibration_error(run, second)
    windows = int(usable(run, first, second).sum())
    return Step(
        stage,
        first.name,
        second.name,
        loss(run, first, second),
        paired(run, first, second),
        calibration,
        windows,
    )


def held_out(run: Run) -> Run | None:
    """Return the held-out recordings as a run of one column; None where there are none."""
    if run.validation is None:
        return None
    return _as_run(run, run.validation)


def _as_run(run: Run, others: Validation) -> Run:
    """Return other recordings as a run: the chain begins with them, and nothing else is theirs."""
    columns, windows = (others.column,), others.windows
    return replace(
        run, windows=windows, columns=columns, validation=None, held_out=None, data_shift=None
    )


def before_chain(run: Run) -> tuple[Run, ...]:
    """Return the recordings that stand before the chain as runs of one column each, in order: the
    training people's, where some were held out, and other people's.
    """
    return tuple(_as_run(run, others) for others in (run.held_out, run.validation) if others)


def since_known_people(run: Run) -> Interval | None:
    """Return how the first model's accuracy changes from the training people's held-out recordings
    to other people's: a share, negative for a loss; None without both.
    """
    both = before_chain(run)
    if len(both) < 2:
        return None
    known, others = (judged_recordings(part, part.columns[0]) for part in both)
    return resampled_difference(others, known)


def _data_step(run: Run) -> Step | None:
    """validation → target: the same model on other windows."""
    before, target = held_out(run), next(iter(chain(run)), None)
    if before is None or target is None or not usable(run, target).any():
        return None
    first, second = judged_recordings(before, before.columns[0]), judged_recordings(run, target)
    interval = resampled_difference(first, second)
    if interval is None:
        return None
    calibration = calibration_error(before, before.columns[0]), calibration_error(run, target)
    windows = int(usable(run, target).sum())
    return Step(DATA, before.columns[0].name, target.name, interval, None, calibration, windows)


def family(run: Run) -> tuple[Significance, ...]:
    """Return every test of the run, with the p-values that Holm's method gives them together."""
    found = [*_step_tests(run), *_share_tests(run), *_shift_tests(run), *_fit_tests(run)]
    adjusted = holm([test.p for test in found])
    count = len(found)
    return tuple(replace(t, family_p=p, among=count) for t, p in zip(found, adjusted, strict=True))


def test_of(run: Run, kind: str, second: str) -> Significance | None:
    """Return the family's test of a kind about a column or correction."""
    return next((t for t in family(run) if (t.kind, t.second) == (kind, second)), None)


def total_step(run: Run) -> Step | None:
    """Return float → int8 as one step, where there are several on the way."""
    columns = [c for c in chain(run) if c.kind in ("float", "int8")]
    if len(columns) < 3 or columns[-1].kind != "int8":
        return None
    first, last = columns[0], columns[-1]
    if not usable(run, first, last).any():
        return None
    tests = (t for t in family(run) if (t.kind, t.second) == ("total", last.name))
    return replace(paired_step(run, "chain", first, last), test=next(tests, None))


def _total_test(run: Run) -> Iterator[Significance]:
    columns = [c for c in chain(run) if c.kind in ("float", "int8")]
    if len(columns) >= 3 and columns[-1].kind == "int8":
        yield from _paired_test(run, "total", columns[0], columns[-1])


def _paired_test(run: Run, kind: str, first: Column, second: Column) -> Iterator[Significance]:
    table = paired(run, first, second)
    broken, mended = int(table.only_first), int(table.only_second)
    if broken + mended:
        yield Significance(kind, first.name, second.name, mcnemar_exact(broken, mended))


def _step_tests(run: Run) -> Iterator[Significance]:
    before, target = held_out(run), next(iter(chain(run)), None)
    if before is not None and target is not None and usable(run, target).any():
        groups = judged_recordings(before, before.columns[0]), judged_recordings(run, target)
        yield Significance("step", before.columns[0].name, target.name, exchanged_p(*groups))
    for _, first, second in pairs(run):
        yield from _paired_test(run, "step", first, second)
    yield from _total_test(run)


def _share_tests(run: Run) -> Iterator[Significance]:
    before: Column | None = None
    for item in chain(run):
        measured = any(p >= 0 for p in item.predicted)
        if measured and (before is None or not same_answers(before, item)):
            yield Significance("shares", "", item.name, shares_p(run, item))
            before = item


def shares_p(run: Run, item: Column) -> float:
    """P-value of the predicted classes against the true ones, over all classes together.

    For each class, the windows wrongly given it against those wrongly denied it (McNemar's exact
    test, sharper than two shares compared as if independent); the smallest, times their number.
    Without labels: against equal shares.
    """
    classes = range(len(run.windows.classes))
    if not usable(run, item).any():
        counts = [sum(p == k for p in item.predicted) for k in classes]
        return multinomial_p(counts, [1 / len(counts)] * len(counts))
    return min(1.0, len(classes) * min(class_p(run, item, k) for k in classes))


def class_p(run: Run, item: Column, k: int) -> float:
    """P-value of one class: windows wrongly given it against windows wrongly denied it."""
    mask = usable(run, item)
    label, answer = np.asarray(run.windows.label)[mask], np.asarray(item.predicted)[mask]
    gained, denied = (answer == k) & (label != k), (label == k) & (answer != k)
    return mcnemar_exact(int(gained.sum()), int(denied.sum()))


def _shift_tests(run: Run) -> Iterator[Significance]:
    if run.data_shift is None:
        return
    yield Significance("distance", "training", "target", run.data_shift.p_value)
    for item in run.data_shift.corrections:
        table = undone(run, item)
        if table is not None and table.only_first + table.only_second:
            p = mcnemar_exact(int(table.only_first), int(table.only_second))
            yield Significance("undone", "target", item.kind, p)


def undone(run: Run, item: Correction) -> Paired | None:
    """Windows right with a shift undone (first) and as they are (second); None without labels."""
    columns = _undone_columns(run, item)
    return paired(run, *columns) if columns else None


def undone_loss(run: Run, item: Correction) -> Interval | None:
    """Return what undoing a shift returns, with its interval; None without labels."""
    columns = _undone_columns(run, item)
    return loss(run, *columns) if columns else None


def _undone_columns(run: Run, item: Correction) -> tuple[Column, Column] | None:
    """Return a column with the shift undone, and the same model's column without."""
    first = next(iter(chain(run)), None)
    if first is not None and not item.float_predicted:
        first = next((c for c in chain(run) if c.kind == "int8"), None)
    if first is None or not usable(run, first).any():
        return None
    return replace(first, predicted=item.float_predicted or item.int8_predicted), first


def fitted(run: Run, name: Literal["predicted", "lowered", "simple"]) -> tuple[Run, Column] | None:
    """Return answers to the training windows as a run of one column; None where there are none."""
    fit = run.fit
    answers: tuple[int, ...] = getattr(fit, name) if fit is not None else ()
    if fit is None or not answers:
        return None
    scores = tuple(() for _ in answers)
    made = Column(name, "", "float", False, None, answers, scores)
    return replace(run, columns=(made,), windows=fit.windows), made


def better_fit(run: Run, name: Literal["lowered", "simple"], than: Literal["predicted", "lowered"]
               ) -> tuple[Paired, Interval] | None:  # fmt: skip
    """Return how answers do against others on the training windows, and what they gain."""
    first, second = fitted(run, name), fitted(run, than)
    if first is None or second is None:
        return None
    where = first[0]
    return paired(where, first[1], second[1]), loss(where, first[1], second[1])


def _fit_tests(run: Run) -> Iterator[Significance]:
    pairs: tuple[tuple[Literal["lowered", "simple"], Literal["predicted", "lowered"]], ...]
    pairs = (("lowered", "predicted"), ("simple", "lowered"))
    for name, than in pairs:
        found = better_fit(run, name, than)
        if found is not None and found[0].only_first + found[0].only_second:
            table = found[0]
            p = mcnemar_exact(int(table.only_first), int(table.only_second))
            yield Significance("fit", than, name, p)
