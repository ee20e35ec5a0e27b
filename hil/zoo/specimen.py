"""One run of the zoo: a model, a board and up to two faults, measured and diagnosed as a user's.

The result is what the diagnosis found and what the fault did; whether that was right is not known
here (hil/zoo/expected.py).
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Final

from hil.backend.embedded import EmbeddedBackend
from hil.backend.host import HostBackend, build_host
from hil.board import PROJECT_DIR, Board, load_board
from hil.device import Device
from hil.errors import DeviceError
from hil.firmware.build import build, source_hash
from hil.record import Run
from hil.run.steps import Job, Options, prepare, run_on
from hil.run.target import Target
from hil.vectors import load_vectors, save_vectors
from hil.verdict.diagnose import diagnose
from hil.zoo import devices, healthy, recordings
from hil.zoo.faults import FAULTS, ON_BOARDS, Fault

MODELS: Final = PROJECT_DIR / "test_vectors" / "models"
BOARDS: Final = ("nano33", "sensortile")

#: Windows of a run: an exact step shows its fault in a few; a statistical one needs a user's run.
FEW: Final = 48
MANY: Final = 300
#: Seconds without an answer after which a device that crashes again and again is given up.
PATIENCE_S: Final = 2.0


@dataclass(frozen=True)
class Specimen:
    """What is run. faults: names and severities (0 to 2); none: a clean run.

    arch: a reference model; with `draw`, the number of a run, a model of hil/zoo/healthy.py.
    """

    arch: str
    board: str
    faults: tuple[tuple[str, int], ...]
    draw: int | None = None

    @property
    def key(self) -> str:
        """A name that is also a file's."""
        planted = "+".join(f"{name}.{severity}" for name, severity in self.faults) or "clean"
        drawn = "" if self.draw is None else f"-{self.draw}"
        return f"{self.arch}-{self.board}-{planted}{drawn}"

    @property
    def folder(self) -> Path:
        """The model it is made from."""
        return (MODELS if self.draw is None else healthy.FOLDER) / self.arch

    @property
    def on_board(self) -> bool:
        """Whether it needs the board's own image."""
        return any(FAULTS[name].plane in ON_BOARDS for name, _ in self.faults)

    @property
    def windows(self) -> int:
        """Windows to stream."""
        exact = self.faults and all(FAULTS[name].exact for name, _ in self.faults)
        return FEW if exact else MANY


@dataclass(frozen=True)
class Found:
    """A finding, less its texts."""

    severity: str
    stage: str
    location: str | None
    cause: str


@dataclass(frozen=True)
class Observation:
    """What came of a specimen.

    refused: the class and text of the error that ended it before it began. findings: in the order
    of the verdict. differing: bytes or frames that were not as they must be, by what was compared.
    right: column → "1" or "0" per window. seconds: of the whole.
    """

    specimen: Specimen
    refused: tuple[str, ...] | None
    findings: tuple[Found, ...]
    differing: dict[str, int]
    right: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Measurement:
    """What came of a specimen before anything was concluded: a record, or why there is none."""

    specimen: Specimen
    refused: tuple[str, ...] | None
    run: Run | None
    seconds: float


def observe(specimen: Specimen) -> Observation:
    """Plant, run, diagnose."""
    return concluded(measured(specimen))


def measured(specimen: Specimen) -> Measurement:
    """Plant and run."""
    begin = time.monotonic()
    refused, run = None, None
    with tempfile.TemporaryDirectory(prefix="tinyhil-zoo-") as folder:
        try:
            run = _run(specimen, Path(folder))
        except DeviceError as error:
            refused = (type(error).__name__, str(error))
    return Measurement(specimen, refused, run, round(time.monotonic() - begin, 2))


def concluded(measurement: Measurement) -> Observation:
    """Diagnose what was measured, as `tinyhil diagnose` does a user's record."""
    run = measurement.run
    findings = diagnose(run) if run else []
    return Observation(
        measurement.specimen,
        measurement.refused,
        tuple(Found(f.severity, f.stage, f.location, f.cause) for f in findings),
        _differing(run) if run else {},
        _right(run) if run else {},
        measurement.seconds,
    )


def _differing(run: Run) -> dict[str, int]:
    found = {
        f"{c.expected}→{c.actual} {c.what}": len(c.differing)
        for c in run.comparisons
        if c.actual.startswith("device")
    }
    found["layers"] = sum(layer.differing for layer in run.device_layers)
    found["crash"] = int(run.fault is not None)
    found["incomplete"] = int(run.incomplete is not None)
    if run.link is not None:
        link = run.link
        found["link"] = (
            link.retransmissions + link.bad_frames_device + link.bad_frames_host + link.overruns
        )
    return found


def _right(run: Run) -> dict[str, str]:
    label = run.windows.label
    return {
        c.name: "".join(str(int(p == t)) for p, t in zip(c.predicted, label, strict=True))
        for c in run.columns
        if not c.side_branch
    }


def _run(specimen: Specimen, scratch: Path) -> Run:
    planted = [
        (FAULTS[name], FAULTS[name].place(specimen.arch, level), FAULTS[name].amounts[level])
        for name, level in specimen.faults
    ]
    board = load_board(specimen.board)
    model = _model(specimen.folder, planted, scratch)
    options = Options(
        board=board,
        backend="embedded" if specimen.on_board else "host",
        port=None,
        model=model,
        vectors=_vectors(specimen, model, planted, scratch),
        limit=specimen.windows,
        max_drop=2.0,
        command="tinyhil run",
        quiet=True,
    )
    changed = model != specimen.folder or options.vectors is not None
    job = prepare(options) if changed else _unchanged(options)
    with _target(specimen, options, job, planted, scratch) as target:
        return run_on(target, options, job)


@lru_cache(maxsize=8)
def _unchanged(options: Options) -> Job:
    """Return the host's side of a model and windows that nothing is planted in: always the same."""
    return prepare(options)


Planted = tuple[Fault, str, float]


def _model(model: Path, planted: list[Planted], scratch: Path) -> Path:
    """Return the model folder to run, changed where a fault is in its files."""
    for i, (fault, place, amount) in enumerate(p for p in planted if p[0].plane == "model"):
        changed = scratch / f"model{i}"
        import_module("pipeline.plant.files").change_folder(
            model, changed, fault.how, place, amount
        )
        model = changed
    return model


def _vectors(specimen: Specimen, model: Path, planted: list[Planted], scratch: Path) -> Path | None:
    changes = [p for p in planted if p[0].plane == "recordings"]
    if not changes and specimen.draw is None:
        return None
    if specimen.draw is not None:
        vectors = healthy.draw(model, specimen.draw)
    else:
        vectors = load_vectors(model / "vectors.npz")
    for fault, place, amount in changes:
        vectors = recordings.plant(vectors, fault.how, place, amount)
    path = scratch / "recorded.npz"
    save_vectors(path, vectors)
    return path


@contextlib.contextmanager
def _target(
    specimen: Specimen, options: Options, job: Job, planted: list[Planted], scratch: Path
) -> Iterator[Target]:
    """Build, boot and identify the device as `connect` in hil.run does, with the faults in it."""
    backend = EmbeddedBackend() if specimen.on_board else HostBackend()
    elf = _image(options, planted, scratch)
    try:
        transport = backend.open(options.board, elf, None)
        for fault, _, amount in planted:
            if fault.how == "cut" and fault.plane == "wire":
                transport = devices.CutTransport(transport, int(amount))
        device = Device(transport, patience=PATIENCE_S)
        identity = device.identify(
            expect_board=options.board.name,
            expect_model_hash=bytes.fromhex(job.folder.model_hash),
            expect_firmware_hash=source_hash(),
            model=str(options.model),
        )
        if isinstance(backend, EmbeddedBackend):
            _disturb(backend, elf, planted)
        yield Target(options.board, backend, device, identity, elf)
    finally:
        backend.close()


def _disturb(backend: EmbeddedBackend, elf: Path, planted: list[Planted]) -> None:
    for fault, place, amount in planted:
        if fault.plane == "memory":
            devices.damage_memory(backend, elf, fault.how, place, amount)
        elif fault.plane == "wire" and fault.how != "cut":
            devices.disturb_line(backend, fault.how, amount, seed=3)


def _image(options: Options, planted: list[Planted], scratch: Path) -> Path:
    """Return the program or image to boot."""
    board, model = options.board, options.model
    changes = [(f.how, place, amount) for f, place, amount in planted if "code" in f.plane]
    code = scratch / "code"
    if changes:
        devices.emit(model, code, changes)
    if options.backend == "embedded":
        if not changes:
            return build(board, None if model == MODELS / "cnn" else model)
        return devices.link_board(board, code, scratch)
    return _host_image(board, model, planted, code if changes else None, scratch)


def _host_image(
    board: Board, model: Path, planted: list[Planted], code: Path | None, scratch: Path
) -> Path:
    flags = ["-w"] if code else []
    for fault, place, _ in planted:
        if fault.plane != "build":
            continue
        if fault.how == "other-model":
            model = MODELS / place
        elif fault.how == "other-board":
            board = load_board(place)
        elif fault.how == "stale-firmware":
            devices.stale_build_info(board, scratch)
            flags.append(f"-I{scratch}")
    return build_host(board, model, code=code, flags=flags)
