"""What undoing a shift of the windows returned: the words and numbers of a correction. Pure."""

from __future__ import annotations

import numpy as np

from hil.errors import clean
from hil.record import Correction, DataShift, Run
from hil.verdict.rules.steps import probability
from hil.verdict.rules.wording import percent, points
from hil.verdict.stats import Interval
from hil.verdict.steps import test_of, undone, undone_loss


def correction(shift: DataShift, kind: str) -> Correction | None:
    """Return the correction of a kind, where one was tried."""
    return next((c for c in shift.corrections if c.kind == kind), None)


def effect_of(run: Run, item: Correction) -> Interval | None:
    """Return what the shift costs: what undoing it returns, negative. None without labels."""
    gain = undone_loss(run, item)
    return None if gain is None else Interval(-gain.value, -gain.high, -gain.low)


def returned(run: Run, item: Correction) -> str:
    """Return how many points of accuracy come back, for a headline."""
    effect = effect_of(run, item)
    return f"{points(-effect.value)} points of accuracy" if effect else "it"


def gain_text(run: Run, item: Correction) -> str:
    """Return what was undone and what the float and the int8 model then are right in."""
    table, label = undone(run, item), np.array(run.windows.label)
    how = f"undone on the raw windows ({_how(run, item)})"
    if table is None:
        return f"{how}: without labels it cannot be told how much accuracy that returns"
    before, after = table.both + table.only_second, table.both + table.only_first
    int8 = float((np.array(item.int8_predicted) == label)[label >= 0].mean())
    test = test_of(run, "undone", item.kind)
    said = f" (McNemar's exact test: {probability(test, run)})" if test else ""
    return (
        f"{how}: {percent(before / table.total)} → {percent(after / table.total)} right, int8 "
        f"{percent(int8)}{said}"
    )


def _how(run: Run, item: Correction) -> str:
    """Return the changed channels and what takes their places: "ax = -ay, ay = ax"."""
    assert run.data_shift is not None
    names = [c.name for c in run.data_shift.channels]
    pairs = zip(names, item.undo, strict=True)
    return clean(", ".join(f"{n} = {u}" for n, u in pairs if n in item.channels), 160)
