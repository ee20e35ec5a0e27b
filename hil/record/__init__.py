"""The run record: everything a run measured, nothing rendered. JSON, versioned.

`hil/run/steps.py` writes it, `hil/verdict/diagnose.py` and `hil/report` are pure functions of it.
Arrays over windows are in the order of the vectors. Scores are rounded to six digits.

`run` holds the record itself, `windows`, `layers`, `experiments`, `shift` and `arena` its parts;
`files` writes and reads it, `checks` is what a record that was read must keep to.
"""

from hil.record.arena import ArenaBlock, ArenaPlan
from hil.record.experiments import GateTrials, LayerTrials, QuantizationTrials, Remedy, Trial
from hil.record.files import load_run, save_run
from hil.record.layers import (
    BINS,
    Constants,
    Explanation,
    Histogram,
    InputEvidence,
    LayerDevice,
    LayerEvidence,
    LayerQuantization,
    RawPair,
    TensorPair,
)
from hil.record.run import (
    DEFAULT_MAX_DROP,
    FORMAT,
    VERSION,
    CompressionRow,
    Identity,
    Link,
    Memory,
    Origin,
    Run,
)
from hil.record.shift import ChannelShift, Correction, DataShift, Effect
from hil.record.windows import ByteComparison, Column, Fit, Signal, Signals, Validation, Windows

__all__ = [
    "BINS",
    "DEFAULT_MAX_DROP",
    "FORMAT",
    "VERSION",
    "ArenaBlock",
    "ArenaPlan",
    "ByteComparison",
    "ChannelShift",
    "Column",
    "CompressionRow",
    "Constants",
    "Correction",
    "DataShift",
    "Effect",
    "Explanation",
    "Fit",
    "GateTrials",
    "Histogram",
    "Identity",
    "InputEvidence",
    "LayerDevice",
    "LayerEvidence",
    "LayerQuantization",
    "LayerTrials",
    "Link",
    "Memory",
    "Origin",
    "QuantizationTrials",
    "RawPair",
    "Remedy",
    "Run",
    "Signal",
    "Signals",
    "TensorPair",
    "Trial",
    "Validation",
    "Windows",
    "load_run",
    "save_run",
]
