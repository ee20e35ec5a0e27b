"""A whole run: host models, device, record. What the CLI and the pytest plugin both call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hil.board import Board
from hil.device import Device
from hil.emulator.lines import Lines
from hil.errors import DeviceError, InputError, clean
from hil.identity import Identity as DeviceIdentity
from hil.model_folder import ModelFolder, load_model_folder, sha256_file
from hil.record import DataShift, Fit, Identity, Memory, QuantizationTrials, Run
from hil.reference.columns import Reference, run_reference
from hil.reference.inputs import Inputs, load_inputs
from hil.reference.validation import run_held_out, run_validation
from hil.run.assemble import Outcome, assemble, versions
from hil.run.fit import training_fit
from hil.run.measure import Bench, Measured, measure
from hil.run.rescue import Rescuer
from hil.run.retrain import add_retrained, check_retrainable
from hil.run.target import Say, Target, Wanted, check_reachable, connect
from hil.run.trials import quantization_trials
from hil.run.undo import data_shift
from hil.wire.messages import LastFaultReply

#: Seconds to wait for a device that has just failed to say what happened.
AFTERMATH_S: Final = 3.0

EXCEPTIONS: Final = {
    3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault",
    14: "a hang, which breaks on the line ended,",
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What to run. `command` goes into the record, so that the run can be repeated.

    retrain: try quantization-aware training, too; retrain_to: where its model is written.
    """

    board: Board
    backend: str
    port: str | None
    model: Path
    vectors: Path | None
    limit: int | None
    max_drop: float
    command: str
    via: str = "auto"
    quiet: bool = False
    retrain: bool = False
    retrain_to: Path | None = None

    @property
    def wanted(self) -> Wanted:
        """How the device is to be reached."""
        return Wanted(self.backend, self.port, self.via)


@dataclass(frozen=True)
class Job:
    """The host's side of a run: files read and checked, host models run."""

    folder: ModelFolder
    inputs: Inputs
    reference: Reference
    shift: DataShift | None
    trials: QuantizationTrials | None
    fit: Fit | None = None


def prepare(options: Options) -> Job:
    """Read and check the files and run the host models: what is wrong there is told before a
    device is built for, flashed or booted.

    A device that cannot be reached is told before the models run. Raises InputError, ToolError or
    LinkError in one line.
    """
    if not 0 <= options.max_drop <= 100:
        raise InputError(f"--max-drop {options.max_drop:g}: must be from 0 to 100 points")
    folder = load_model_folder(options.model)
    if options.retrain:
        check_retrainable(folder)
    inputs = load_inputs(folder, options.vectors, options.limit)
    check_reachable(options.board, options.wanted)
    reference = run_reference(folder, inputs, options.quiet)
    reference.validation = run_validation(folder, inputs)
    reference.held_out = run_held_out(folder, inputs)
    shift = data_shift(folder, inputs, reference)
    if options.retrain:
        add_retrained(reference, folder, inputs, options.retrain_to)
    trials = quantization_trials(folder, inputs, reference)
    return Job(folder, inputs, reference, shift, trials, training_fit(folder, inputs))


def run(options: Options, say: Say) -> Run:
    """Find or boot the device, measure everything and return the record.

    Raises InputError or ToolError for what is wrong before that, and DeviceError when there was no
    device to begin with.
    """
    job = prepare(options)
    with connect(options.board, options.wanted, job.folder, say) as target:
        return run_on(target, options, job, say)


def run_on(target: Target, options: Options, job: Job, say: Say = lambda _: None) -> Run:
    """Measure everything on a device that is there, and return the record.

    A device that goes away or hangs, and comes back, is gone on with; `say` tells.

    A device that fails half-way gives an incomplete record, with what was measured and why it
    ended.
    """
    measured = Measured(len(job.inputs))
    on_device = job.inputs.on_device and target.identity.raw_size > 0
    bench = Bench(
        device=target.device,
        reference=job.reference,
        raw=job.inputs.raw_bytes() if on_device else None,
        emulated=target.emulated,
        count_estimate=getattr(target.backend, "count_estimate", None),
        quiet=options.quiet,
    )
    outcome = _session(target, bench, measured, Rescuer(target.backend, say))
    identity = _identity(options, job, target)
    memory = _memory(options.board, target, measured)
    return assemble(
        identity,
        job.folder,
        job.inputs,
        job.reference,
        job.shift,
        job.trials,
        job.fit,
        measured,
        outcome,
        memory,
        options.max_drop,
    )


def _session(target: Target, bench: Bench, measured: Measured, rescuer: Rescuer) -> Outcome:
    """Measure; whatever ends it early is told, with what the device can still say about it."""
    incomplete = None
    faults_before = _faults(target.device)
    target.device.guard(rescuer, rescuer.succeeded)
    try:
        measure(bench, measured)
    except DeviceError as error:
        incomplete = str(error)
    except KeyboardInterrupt:
        incomplete = "interrupted"
    target.device.guard(None)
    fault = _aftermath(target, faults_before, failed=incomplete is not None)
    if rescuer.hangs:
        fault = "\n".join([*rescuer.hangs, *([fault] if fault else [])])
    notes = (*_notes(bench, measured, faults_before), *rescuer.returns)
    return Outcome(incomplete, fault, _counter(target), bench.raw is not None, notes)


def _faults(device: Device) -> int:
    try:
        fault = device.last_fault()
    except DeviceError:
        return 0  # it will fail again in a moment, where it is told
    return fault.count if fault else 0


def _aftermath(target: Target, faults_before: int, failed: bool) -> str | None:
    """Return what is known of a crash during the run: from the emulator, or from the device.

    A device that crashed has restarted, and answers repeated requests as if nothing had been: its
    boot number tells.
    """
    lines = []
    if (crash := target.backend.crash_report()) is not None:
        lines.append(crash)
    boot = target.device.identity.boot_id  # since the last rescue, if there was one
    try:
        identity = target.device.identify(deadline=AFTERMATH_S)
        if identity.boot_id != boot:
            lines.append(f"the device restarted during the run ({identity.reset_cause})")
        fault = target.device.last_fault()
        if fault is not None and fault.count != faults_before:
            lines.append(_fault_text(fault, target.elf))
    except DeviceError as error:
        if not failed:
            lines.append(f"the device stopped answering after the last window: {error}")
    return "\n".join(lines) or None


def _fault_text(fault: LastFaultReply, elf: Path | None) -> str:
    kind = EXCEPTIONS.get(fault.exception, f"exception {fault.exception}")
    registers = " ".join(
        f"{name}={value:#010x}"
        for name, value in (("lr", fault.lr), ("sp", fault.sp), ("cfsr", fault.cfsr),
                            ("hfsr", fault.hfsr), ("address", fault.address))
    )  # fmt: skip
    place = f" ({Lines(elf).find(fault.pc)})" if elf is not None else ""
    return f"{kind} at pc={fault.pc:#010x}{place} {registers}"


def _counter(target: Target) -> str | None:
    """Return what its cycle counter counts; None on the host port, which is like no board."""
    if not target.emulated:
        return "cycles"
    on_port = not target.backend.emulated
    return "instructions" if on_port or target.backend.counters() is not None else None


def _notes(bench: Bench, measured: Measured, faults_before: int) -> tuple[str, ...]:
    notes = list(bench.reference.notes)
    windows = len(bench.reference.inputs)
    if 0 < len(measured.tapped) < windows:
        notes.append(
            f"layers were compared on {len(measured.tapped)} of {windows} windows, evenly spread: "
            "the inputs are large and the line is slow"
        )
    if faults_before:
        notes.append(f"the device had crashed {faults_before} times before this run")
    return tuple(notes)


def _identity(options: Options, job: Job, target: Target) -> Identity:
    device: DeviceIdentity = target.identity
    manifest, vectors = job.folder.manifest, job.inputs.vectors.manifest
    return Identity(
        board=options.board.name,
        board_title=options.board.title,
        backend=target.backend.name,
        backend_description=target.description,
        via=target.backend.via,
        emulated=target.emulated,
        model_name=clean(manifest.name),
        model_arch=clean(manifest.arch),
        model_hash=device.model_hash.hex(),
        firmware_version=device.firmware_version,
        firmware_hash=device.firmware_hash.hex(),
        elf_sha256=sha256_file(target.elf) if target.elf else None,
        protocol=device.protocol,
        arithmetic=device.arithmetic,
        clock_hz=device.clock_hz,
        device_id=f"{device.device_id:016x}",
        vectors_source=vectors.source,
        vectors_sha256=vectors.npz_sha256,
        vectors_bandwidth_hz=vectors.bandwidth_hz,
        raw_unit=device.raw_unit,
        command=options.command,
        versions=versions(),
    )


def _memory(board: Board, target: Target, measured: Measured) -> Memory | None:
    """Return what MEMORY said; None where it was not reached, is not a board's, or is not known.

    A sketch knows neither its image's size nor its stack's: they are its core's linker script's.
    """
    reply = measured.memory
    if reply is None or _counter(target) is None or target.identity.is_sketch:
        return None
    return Memory(
        flash_used=reply.flash_used,
        flash_size=board.facts.flash_size,
        ram_static=reply.ram_static,
        ram_size=board.facts.ram_size,
        arena=reply.arena,
        stack_size=reply.stack_size,
        stack_peak=reply.stack_peak,
    )
