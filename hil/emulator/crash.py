"""What is known of a fault, for the control channel and for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from hil.emulator.lines import Place

NAMES = {2: "NMI", 3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault"}


@dataclass(frozen=True)
class Crash:
    """One fault, as it was before its handler ran.

    exception: the one that is entered, 0 for a lock-up; address: of the access, where there is one.
    """

    exception: int
    cause: str
    pc: int
    place: Place
    caller: Place
    address: int | None
    cfsr: int
    hfsr: int
    instructions: int
    lockup: bool = False
    registers: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return plain data."""
        return asdict(self)

    def __str__(self) -> str:
        name = "lock-up" if self.lockup else NAMES.get(self.exception, str(self.exception))
        where = f"{self.cause}, at 0x{self.pc:08X} {self.place}"
        return f"{name}: {where} (called from {self.caller})"
