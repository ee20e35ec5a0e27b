"""The emulated chips against their data sheets, register by register."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from hil.emulator.bus import BusError
from hil.emulator.sensors.feed import AT_REST, Feed, load_feed
from hil.emulator.sensors.imu import Imu
from hil.emulator.sensors.lsm6dsm import Lsm6dsm
from hil.emulator.sensors.lsm9ds1 import Lsm9ds1
from hil.emulator.session import MAX_LAG_S, RealTime
from hil.errors import InputError

HZ = 64_000_000
RAMP = Feed(b"".join(struct.pack("<6h", n, -n, 2 * n, 3 * n, -3 * n, 5) for n in range(1000)))


class Time:
    """The virtual clock, moved by hand."""

    cycles = 0

    def now(self) -> int:
        return self.cycles

    def wait(self, seconds: float) -> None:
        self.cycles += round(seconds * HZ)


def words(chip: Imu, address: int, count: int) -> list[int]:
    """Little-endian words of a burst."""
    data = []
    for _ in range(2 * count):
        data.append(chip.read(address))
        address = chip.next_address(address)  # type: ignore[attr-defined]
    return list(struct.unpack(f"<{count}h", bytes(data)))


def started_lsm9ds1(time: Time) -> Lsm9ds1:
    chip = Lsm9ds1(time.now, HZ)
    chip.feed = RAMP
    for address, value in ((0x23, 2), (0x20, 0x78), (0x2E, 0), (0x2E, 6 << 5), (0x10, 0x79)):
        chip.write(address, value)
    return chip


def started_lsm6dsm(time: Time) -> Lsm6dsm:
    chip = Lsm6dsm(time.now, HZ)
    chip.feed = RAMP
    for address, value in ((0x12, 0x4C), (0x08, 9), (0x0A, 0x26), (0x10, 0x4C), (0x11, 0x4C)):
        chip.write(address, value)
    return chip


def test_who_they_are() -> None:
    assert Lsm9ds1(Time().now, HZ).read(0x0F) == 0x68
    assert Lsm6dsm(Time().now, HZ).read(0x0F) == 0x6A


def test_lsm9ds1_samples_come_at_119_hz_in_its_own_axes() -> None:
    time = Time()
    chip = started_lsm9ds1(time)
    assert chip.read(0x2F) == 0
    time.wait(10.5 / 119)
    assert chip.read(0x2F) == 10
    # Board x is the chip's −y, board y its −x.
    assert words(chip, 0x18, 3) == [0, 0, 5]
    assert words(chip, 0x28, 3) == [0, 0, 0]
    assert words(chip, 0x18, 3) == [3, -3, 5]
    assert words(chip, 0x28, 3) == [1, -1, 2]
    assert chip.read(0x2F) == 8


def test_lsm9ds1_keeps_the_newest_32_and_says_so() -> None:
    time = Time()
    chip = started_lsm9ds1(time)
    time.wait(100.5 / 119)
    assert chip.read(0x2F) == 1 << 6 | 32
    assert words(chip, 0x28, 3) == [68, -68, 136]
    assert chip.read(0x2F) == 31


def test_lsm6dsm_words_come_at_104_hz_rotation_first() -> None:
    time = Time()
    chip = started_lsm6dsm(time)
    time.wait(3.5 / 104)
    assert [chip.read(a) for a in (0x3A, 0x3B, 0x3C)] == [18, 0, 0]
    assert words(chip, 0x3E, 12) == [0, 0, 5, 0, 0, 0, 3, -3, 5, 1, -1, 2]
    assert chip.read(0x3A) == 6
    words(chip, 0x3E, 4)
    assert chip.read(0x3C) == 4, "which word is next"


def test_lsm6dsm_full_is_2048_words_which_read_as_none_and_begin_amid_a_sample() -> None:
    time = Time()
    chip = started_lsm6dsm(time)
    time.wait(341.5 / 104)
    assert [chip.read(a) for a in (0x3A, 0x3B, 0x3C)] == [2046 & 0xFF, 2046 >> 8, 0]
    time.wait(59 / 104)
    assert [chip.read(a) for a in (0x3A, 0x3B, 0x3C)] == [0, 1 << 6, (6 * 400 - 2048) % 6]
    # The oldest word is sample 58's y acceleration, of rotation x, y, z, acceleration x, y, z.
    assert words(chip, 0x3E, 5) == [-58, 116, 3 * 59, -3 * 59, 5]
    chip.write(0x0A, 0)
    chip.write(0x0A, 0x26)
    time.wait(1 / 104)
    assert [chip.read(a) for a in (0x3A, 0x3B, 0x3C)] == [6, 0, 0]


def test_lsm6dsm_answers_on_the_one_line_only_once_told() -> None:
    chip = Lsm6dsm(Time().now, HZ)
    assert not chip.answers
    chip.write(0x12, 1 << 3 | 1 << 2)
    assert chip.answers
    chip.write(0x12, 1 << 3 | 1)
    assert not chip.answers, "a reset clears SIM too"


@pytest.mark.parametrize(
    ("chip", "address", "value"),
    [
        (Lsm9ds1, 0x10, 0xC0), (Lsm9ds1, 0x10, 0x68), (Lsm9ds1, 0x20, 0x70),
        (Lsm9ds1, 0x2E, 1 << 5), (Lsm6dsm, 0x10, 0x40), (Lsm6dsm, 0x0A, 0x2E),
    ],
)  # fmt: skip
def test_what_is_not_modelled_stops_the_firmware(
    chip: type[Lsm9ds1 | Lsm6dsm], address: int, value: int
) -> None:
    with pytest.raises(BusError, match=f"0x{address:02X} = 0x{value:02X}"):
        chip(Time().now, HZ).write(address, value)


def test_a_feed_goes_round_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    assert RAMP[1003] == RAMP[3] == (3, -3, 6, 9, -9, 5)
    assert AT_REST[7] == (0, 0, 4098, 0, 0, 0)
    path = tmp_path / "feed"
    for content in (b"", bytes(11), bytes(13)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="whole samples of 12 bytes"):
            load_feed(path)
    with pytest.raises(InputError, match="No such file"):
        load_feed(tmp_path / "none")


def test_real_time_keeps_pace_and_does_not_catch_up_for_ever() -> None:
    clock = RealTime()
    assert clock.left(5.0, now=100.0) == 0.0
    assert clock.left(5.25, now=100.0) == 0.25
    assert clock.left(5.5, now=100.75) == 0.0, "a little late: made good"
    assert clock.left(6.0, now=100.75) == 0.25
    assert clock.left(6.0, now=200.0 + MAX_LAG_S) == 0.0
    assert clock.left(6.5, now=200.0 + MAX_LAG_S) == 0.5, "far behind: begun anew"
