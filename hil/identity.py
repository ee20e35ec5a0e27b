"""Who a device says it is, and whether that is who was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from hil.errors import IdentityError, clean
from hil.wire.messages import Arithmetic, HelloReply, ResetCause
from hil.wire.schema import PROTOCOL_VERSION


@dataclass(frozen=True)
class Identity:
    """A device's HELLO. Names come from the device and are made safe to print; sizes in bytes.

    raw_size is 0 and raw_unit empty where the model has no preprocessing on the device.
    """

    protocol: int
    board: str
    model: str
    firmware_version: str
    firmware_hash: bytes
    model_hash: bytes
    arithmetic: str
    reset_cause: str
    boot_id: int
    device_id: int
    clock_hz: int
    max_body: int
    credits: int
    staging_size: int
    input_size: int
    output_size: int
    raw_size: int
    raw_unit: str
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    layer_count: int

    @property
    def is_sketch(self) -> bool:
        """Whether this is somebody's own sketch with the library in it (firmware/lib/arduino)."""
        return not any(self.firmware_hash)


def from_hello(hello: HelloReply) -> Identity:
    """Return the identity in a HELLO; numbers without a name are shown as numbers."""
    names = [clean(name) for name in hello.names.split("\0")] + [""] * 4
    fields = {k: v for k, v in vars(hello).items() if k in Identity.__dataclass_fields__}
    fields |= dict(zip(("board", "model", "firmware_version", "raw_unit"), names, strict=False))
    arithmetics = {int(a): a.name for a in Arithmetic}
    causes = {int(c): c.name for c in ResetCause}
    fields["arithmetic"] = arithmetics.get(hello.arithmetic, f"unknown ({hello.arithmetic})")
    fields["reset_cause"] = causes.get(hello.reset_cause, f"unknown ({hello.reset_cause})")
    return Identity(**fields)


@dataclass(frozen=True)
class Expected:
    """What a device must be; None: anything. model: its folder, for the command that mends."""

    board: str | None = None
    model_hash: bytes | None = None
    firmware_hash: bytes | None = None
    model: str = "MODEL_DIR"

    def flash(self, board: str) -> str:
        """Return the command that puts this program's firmware and the model on a board."""
        return f"`tinyhil flash --board {self.board or board} --model {self.model}`"

    def mend(self, identity: Identity) -> str:
        """Return what puts the model on this device: a sketch is its owner's to build."""
        if identity.is_sketch:
            emit = f"tinyhil emit {self.model} --name {identity.model} --out SKETCH_FOLDER"
            return f"`{emit}`, then build and upload the sketch"
        return self.flash(identity.board)


def verify(identity: Identity, expected: Expected) -> None:
    """Raise IdentityError, with the command that mends it, when the device is another one."""
    mend = expected.mend(identity)
    if expected.board not in (None, identity.board):
        raise IdentityError(
            f"this is board {identity.board!r}, not {expected.board!r}: give another --port, "
            f"or --board {identity.board}"
        )
    if not identity.is_sketch and expected.firmware_hash not in (None, identity.firmware_hash):
        raise IdentityError(
            f"the firmware on the board ({identity.firmware_version}, "
            f"{identity.firmware_hash.hex()}) was built from other sources: {mend}"
        )
    if expected.model_hash not in (None, identity.model_hash):
        raise IdentityError(
            f"the board carries model {identity.model!r} ({identity.model_hash.hex()[:16]}…), "
            f"not this one: {mend}"
        )
    if identity.arithmetic not in Arithmetic.__members__:
        raise IdentityError(
            f"the device's arithmetic is {identity.arithmetic}, protocol version "
            f"{PROTOCOL_VERSION} knows {', '.join(Arithmetic.__members__)}: {mend}"
        )
