"""The whole record, what ran, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hil.record.arena import ArenaPlan
from hil.record.experiments import QuantizationTrials
from hil.record.layers import InputEvidence, LayerDevice, LayerEvidence, LayerQuantization
from hil.record.shift import DataShift
from hil.record.windows import ByteComparison, Column, Fit, Signals, Validation, Windows

FORMAT: Final = "tinyhil-run"
#: To be raised with every change of a field here or in what it refers to
#: (tests/contracts/test_record.py pins them).
VERSION: Final = 10

#: Points of accuracy that int8 may lose against float, where nobody said otherwise.
DEFAULT_MAX_DROP: Final = 2.0


@dataclass(frozen=True)
class Identity:
    """What ran, so that the run can be repeated."""

    board: str
    board_title: str
    backend: str
    backend_description: str
    via: str  # what the bytes went through: see hil/links.py
    emulated: bool
    model_name: str
    model_arch: str
    model_hash: str
    firmware_version: str
    firmware_hash: str
    elf_sha256: str | None
    protocol: int
    arithmetic: str
    clock_hz: int
    device_id: str
    vectors_source: str
    vectors_sha256: str
    vectors_bandwidth_hz: float | None
    raw_unit: str
    command: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Origin:
    """How the model was made, as its manifest says: command, seed, versions, files' SHA-256."""

    command: str
    seed: int | None
    versions: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class Memory:
    """Bytes used against the board's budget. stack_peak is measured, the rest is linked."""

    flash_used: int
    flash_size: int
    ram_static: int
    ram_size: int
    arena: int
    stack_size: int
    stack_peak: int


@dataclass(frozen=True)
class Link:
    """The line, as both ends saw it.

    late: retransmissions that were not needed, because the first answer was only slow.
    """

    frames: int
    retransmissions: int
    bad_frames_device: int
    bad_frames_host: int
    overruns: int
    line_errors: int
    late: int = 0


@dataclass(frozen=True)
class CompressionRow:
    """Copied from the model's manifest: see hil/model_folder.py."""

    variant: str
    file_bytes: int
    gzip_bytes: int
    accuracy: float | None
    sparsity: float | None


@dataclass(frozen=True)
class Run:
    """A whole run. incomplete: None, or why it ended early (what was measured is kept).

    input_saturated: share of the int8 model inputs' codes that stand at an end of the int8 range.
    """

    format: str
    version: int
    incomplete: str | None
    identity: Identity
    windows: Windows
    max_drop: float
    columns: tuple[Column, ...]
    quantization: tuple[LayerQuantization, ...]
    device_layers: tuple[LayerDevice, ...]
    layer_evidence: tuple[LayerEvidence, ...]
    input_evidence: InputEvidence | None
    data_shift: DataShift | None
    trials: QuantizationTrials | None
    input_saturated: float
    comparisons: tuple[ByteComparison, ...]
    compression: tuple[CompressionRow, ...]
    memory: Memory | None
    link: Link | None
    instructions_per_inference: int | None  # of the first window; it varies a little with the data
    cycles_per_inference: int | None
    cycles_estimate_per_inference: int | None
    fault: str | None
    notes: tuple[str, ...]
    origin: Origin | None = None
    signals: Signals | None = None
    arena: ArenaPlan | None = None
    validation: Validation | None = None
    fit: Fit | None = None
    held_out: Validation | None = None
