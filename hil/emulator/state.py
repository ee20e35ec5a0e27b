"""The memory that Python and the native code share: `struct core` of native/core.h, field by field.

Without a compiler the same structures are used, by Python alone, so that every part that looks at
them exists once.
"""

from __future__ import annotations

import ctypes
from ctypes import c_uint8, c_uint32, c_uint64, c_void_p
from enum import IntEnum, IntFlag

NEVER = 2**64 - 1
CACHE_SIZE = 16384
QUEUE_SIZE = 65536
EXCEPTIONS = 256
PRIORITY_THREAD = 256


class Stop(IntFlag):
    """Why unicorn was stopped."""

    SLICE = 1
    ATTENTION = 2
    EXCEPTION = 4
    FPU_OFF = 8
    REPLAY = 16
    PYTHON = 32
    DIVISION = 64


class Run(IntEnum):
    """What `run` ended with."""

    SLICE = 0
    ASLEEP = 1
    EVENT = 2
    FAULT = 3


class UartKind(IntEnum):
    """Which chip's register layout and FIFO."""

    NRF52840 = 0
    STM32L476 = 1


class BlockEntry(ctypes.Structure):
    """A basic block's cost, see `thumb.Block`."""

    _fields_ = [(name, c_uint32) for name in ("address", "size", "instructions", "cycles", "flags")]


class Queue(ctypes.Structure):
    """A byte queue; head and tail run freely."""

    _fields_ = [("head", c_uint32), ("tail", c_uint32), ("bytes", c_uint8 * QUEUE_SIZE)]

    head: int
    tail: int

    def __len__(self) -> int:
        return (self.head - self.tail) & 0xFFFFFFFF

    def push(self, data: bytes) -> int:
        """Append what fits; return how many bytes did."""
        count = min(len(data), QUEUE_SIZE - len(self))
        start = self.head % QUEUE_SIZE
        first = min(count, QUEUE_SIZE - start)
        self.bytes[start : start + first] = data[:first]
        self.bytes[: count - first] = data[first:count]
        self.head += count
        return count

    def pop(self) -> int:
        """Take the oldest byte."""
        byte = int(self.bytes[self.tail % QUEUE_SIZE])
        self.tail += 1
        return byte

    def take(self) -> bytes:
        """Take everything."""
        start, count = self.tail % QUEUE_SIZE, len(self)
        data = bytes(self.bytes[start : start + count])
        data += bytes(self.bytes[: count - len(data)])
        self.tail = self.head
        return data


_UART_WORDS = (
    "kind", "number", "fifo_depth", "fifo_count", "receiving", "sending", "events", "irq_enabled",
    "errors", "level", "burst", "receive_busy", "transmit_busy", "transmit_byte", "hold_full",
    "hold_byte", "overruns", "overwritten",
)  # fmt: skip


class UartState(ctypes.Structure):
    """A UART and its line; native/core.h says what each field is."""

    _fields_ = [
        *((name, c_uint32) for name in _UART_WORDS),
        *((n, c_uint64) for n in ("byte_cycles", "receive_due", "transmit_due", "due")),
        *((n, c_uint64) for n in ("received", "sent")),
        ("fifo", c_uint8 * 8),
        ("from_host", Queue),
        ("to_host", Queue),
    ]


_CORE_WORDS = (
    "block_address", "block_size", "expected", "stopped_size", "stop", "attention", "candidate",
    "patience",
    "active_priority", "fpu_used", "fpu_off", "refill", "interrupt", "error", "sleeping",
    "event_register", "replay", "cached", "vector_table", "group_mask", "sleep_on_exit",
    "fpu_auto", "trap_division", "cyccnt_from_cycles", "entry_cycles", "return_cycles",
)  # fmt: skip


class CoreState(ctypes.Structure):
    """The core's counters, exception state, UART and block cache; see native/core.h."""

    _fields_ = [
        *((name, c_uint64) for name in ("instructions", "cycles", "slept", "slice_end")),
        *((name, c_uint32) for name in _CORE_WORDS),
        ("replay_count", c_uint64),
        *((n, c_uint8 * EXCEPTIONS) for n in ("pending", "enabled", "active", "priority")),
        ("uart", UartState),
        ("cache", BlockEntry * CACHE_SIZE),
        *((n, c_void_p) for n in ("uc", "analyse", "uart_read", "uart_write")),
    ]

    def now(self) -> int:
        """Return the virtual clock in core cycles: estimated, and what was slept through."""
        return int(self.cycles + self.slept)
