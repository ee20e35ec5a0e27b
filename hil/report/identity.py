"""What ran, in full, so that the run can be repeated."""

from __future__ import annotations

from dataclasses import dataclass

from hil.links import words
from hil.record import Identity, Run
from hil.report.text import NONE, megahertz


@dataclass(frozen=True)
class Fact:
    """One line of the identity; `code`: a hash, command or name that must be copied exactly."""

    label: str
    value: str
    code: bool = False


@dataclass(frozen=True)
class IdentityView:
    """Facts in groups, the versions of everything installed, the model's files, and the command."""

    groups: tuple[tuple[str, tuple[Fact, ...]], ...]
    versions: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]
    command: str


def identity_view(run: Run) -> IdentityView:
    """Return the identity of a run."""
    i = run.identity
    return IdentityView(
        groups=(
            ("Model", (*_model(i), *_origin(run))),
            ("Device", _device(i)),
            ("Vectors", _vectors(run)),
        ),
        versions=tuple(sorted(i.versions.items())),
        files=tuple(sorted(run.origin.files.items())) if run.origin else (),
        command=i.command,
    )


def _model(i: Identity) -> tuple[Fact, ...]:
    return (
        Fact("Name", i.model_name),
        Fact("Architecture", i.model_arch),
        Fact("SHA-256 of int8.tflite", i.model_hash, code=True),
        Fact("Arithmetic", i.arithmetic),
    )


def _origin(run: Run) -> tuple[Fact, ...]:
    """How the model was made."""
    made = run.origin
    if made is None:
        return ()
    versions = ", ".join(f"{name} {version}" for name, version in sorted(made.versions.items()))
    return (
        Fact("Made by", made.command, code=True),
        Fact("Seed", NONE if made.seed is None else str(made.seed)),
        Fact("Made with", versions or NONE),
    )


def _device(i: Identity) -> tuple[Fact, ...]:
    return (
        Fact("Board", f"{i.board_title} ({i.board})"),
        Fact("Back end", f"{i.backend}: {i.backend_description}"),
        Fact("Link", words(i.via)),
        Fact("Clock", megahertz(i.clock_hz)),
        Fact("Device id", i.device_id, code=True),
        Fact("Firmware", i.firmware_version),
        Fact("Firmware source hash", i.firmware_hash, code=True),
        Fact("SHA-256 of the ELF", i.elf_sha256 or NONE, code=True),
        Fact("Protocol version", str(i.protocol)),
    )


def _vectors(run: Run) -> tuple[Fact, ...]:
    i, windows = run.identity, run.windows
    band = i.vectors_bandwidth_hz
    limited = () if band is None else (Fact("Bandwidth", f"nothing above {band:g} Hz is real"),)
    return (
        Fact("Source", i.vectors_source),
        Fact("SHA-256", i.vectors_sha256, code=True),
        Fact("Windows", f"{len(windows.label)} of {len(windows.classes)} classes"),
        Fact("Subjects", str(len(set(windows.subject)))),
        Fact("Recordings", str(len(set(windows.recording)))),
        Fact("One raw count", i.raw_unit),
        *limited,
    )
