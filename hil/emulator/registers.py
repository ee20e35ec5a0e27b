"""The core's registers and memory as unicorn holds them, through a thin layer of ctypes.

unicorn's own binding takes several microseconds for a register; an exception needs about thirty.
"""

from __future__ import annotations

import ctypes

from unicorn import Uc, arm_const
from unicorn.unicorn_py3.unicorn import uclib

SP, LR, PC = arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_PC
#: XPSR_ALL is for writing only, and writes the GE flags too.
XPSR, XPSR_ALL = arm_const.UC_ARM_REG_XPSR, arm_const.UC_ARM_REG_XPSR_NZCVQG
MSP, PSP, CONTROL = (
    arm_const.UC_ARM_REG_MSP,
    arm_const.UC_ARM_REG_PSP,
    arm_const.UC_ARM_REG_CONTROL,
)
PRIMASK = arm_const.UC_ARM_REG_PRIMASK
BASEPRI = arm_const.UC_ARM_REG_BASEPRI
FAULTMASK = arm_const.UC_ARM_REG_FAULTMASK
FPSCR = arm_const.UC_ARM_REG_FPSCR
CORE = tuple(arm_const.UC_ARM_REG_R0 + i for i in range(13))
FPU = (*(arm_const.UC_ARM_REG_S0 + i for i in range(16)), FPSCR)

#: What the core stacks on exception entry, from the lowest address (DDI 0403E B1.5.6).
FRAME = (*CORE[:4], CORE[12], LR, PC, XPSR)


class Registers:
    """`registers[SP]` reads and writes; `load_…` and `store_…` reach memory, never a peripheral."""

    def __init__(self, uc: Uc) -> None:
        self._handle = uc._uch
        self._value = ctypes.c_uint32()
        self._pointer = ctypes.byref(self._value)

    def __getitem__(self, register: int) -> int:
        uclib.uc_reg_read(self._handle, register, self._pointer)
        return self._value.value

    def __setitem__(self, register: int, value: int) -> None:
        self._value.value = value
        uclib.uc_reg_write(self._handle, register, self._pointer)

    def load_bytes(self, address: int, size: int) -> bytes | None:
        """Return memory, None where nothing is mapped."""
        buffer = ctypes.create_string_buffer(size)
        if uclib.uc_mem_read(self._handle, address, buffer, size):
            return None
        return buffer.raw

    def load_word(self, address: int) -> int | None:
        """Return a little-endian word, None where nothing is mapped."""
        data = self.load_bytes(address, 4)
        return None if data is None else int.from_bytes(data, "little")

    def store_bytes(self, address: int, data: bytes) -> bool:
        """Write memory; False where nothing is mapped."""
        return not uclib.uc_mem_write(self._handle, address, data, len(data))

    def all(self) -> dict[str, int]:
        """Return the core registers by name, for a crash report."""
        names = {f"r{i}": r for i, r in enumerate(CORE)}
        names |= {"sp": SP, "lr": LR, "pc": PC, "xpsr": XPSR, "msp": MSP, "psp": PSP}
        names |= {"control": CONTROL, "primask": PRIMASK, "basepri": BASEPRI}
        names |= {"faultmask": FAULTMASK}
        return {name: self[register] for name, register in names.items()}
