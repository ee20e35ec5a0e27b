"""What training quantization-aware gains against int8, on the windows under test. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hil.record import Run
from hil.verdict.drift import column, loss, paired, usable
from hil.verdict.stats import Interval, mcnemar_exact

#: Column → what was done: trained with the model's folder, or by --retrain.
TRAINED: Final = {
    "qat": "train quantization-aware (qat.tflite)",
    "retrained": "train quantization-aware from this float model (--retrain)",
}


@dataclass(frozen=True)
class Gain:
    """One such model. right: of `windows`; mended, broken: from wrong to right and the reverse.

    gain: of accuracy against int8, a share with its 95 % interval. p: of McNemar's exact test.
    """

    column: str
    title: str
    windows: int
    right: int
    mended: int
    broken: int
    gain: Interval
    p: float

    @property
    def net(self) -> int:
        """Windows right that were not, less those that were."""
        return self.mended - self.broken

    @property
    def sure(self) -> bool:
        """Whether the interval excludes that it gains nothing."""
        return self.gain.low > 0


def gains(run: Run) -> Iterator[Gain]:
    """Yield what each of the run's quantization-aware models gains, where windows have labels."""
    int8 = column(run, "int8")
    for name, title in TRAINED.items():
        item = column(run, name)
        if int8 is None or item is None or not usable(run, int8, item).any():
            continue
        table, lost = paired(run, int8, item), loss(run, int8, item)
        broken, mended = int(table.only_first), int(table.only_second)
        yield Gain(
            column=name,
            title=title,
            windows=int(table.total),
            right=int(table.both) + mended,
            mended=mended,
            broken=broken,
            gain=Interval(-lost.value, -lost.high, -lost.low),
            p=mcnemar_exact(broken, mended),
        )
