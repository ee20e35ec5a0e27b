"""What is said to Renode while it runs, and what is told when it answers no more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stand_in import Pretend

from hil.backend import renode_link
from hil.backend.base import Counters
from hil.backend.renode import RenodeBackend
from hil.board import load_board
from hil.errors import InputError, LinkError

BOARD = load_board("nano33")

pytestmark = pytest.mark.usefixtures("impatient", "scratch")


def test_much_is_handed_over_in_portions_that_the_firmware_has_room_for(
    pretend: Pretend, elf: Path, renode: RenodeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend()
    transport = renode.open(BOARD, elf, None)
    portions = []
    exchange = renode.link.exchange

    def noted(data: bytes, limit_s: float) -> tuple[int, bytes]:
        portions.append(len(data))
        return exchange(data, limit_s)

    monkeypatch.setattr(renode.link, "exchange", noted)
    data = bytes(range(256)) * 50
    transport.write(data[:100])
    transport.write(data[100:])
    assert transport.read(1.0) + transport.read(1.0) == data
    assert sum(portions) == len(data)
    assert max(portions) < 8192  # LINK_RECEIVE_SIZE in firmware/src/port/cortex_m/link.h
    assert renode.counters() == Counters(len(data), None)


def test_one_that_ends_in_between_is_told_with_its_reason(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend(gone_at=3)
    transport = renode.open(BOARD, elf, None)  # the first
    transport.write(b"a")
    assert transport.read(1.0) == b"a"
    transport.write(b"b")
    reason = r"cpu: CPU abort \[PC=0x10000\]: lockup"
    with pytest.raises(LinkError, match=f"^Renode has ended: {reason}$"):
        transport.read(1.0)
    assert renode.crash_report() == "cpu: CPU abort [PC=0x10000]: lockup"
    renode.close()
    assert renode.crash_report() == "cpu: CPU abort [PC=0x10000]: lockup"


def test_a_core_that_gives_up_is_told_at_once(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend(stopped_at=2)
    transport = renode.open(BOARD, elf, None)
    with pytest.raises(LinkError, match=r"^Renode has stopped: cpu: CPU abort \[PC=0x10000\]"):
        transport.read(1.0)


def test_no_answer_at_all_is_given_up(
    pretend: Pretend, elf: Path, renode: RenodeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(stopped_at=2)
    transport = renode.open(BOARD, elf, None)
    monkeypatch.setattr(renode_link, "ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(renode_link, "LOOK_S", 0.1)
    monkeypatch.setattr(renode.link, "_stopped", lambda: None)
    with pytest.raises(LinkError, match=r"^Renode did not answer for 0\.3 s$"):
        transport.read(1.0)


def test_nonsense_is_an_error_of_the_link(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend(nonsense_at=2)
    transport = renode.open(BOARD, elf, None)
    with pytest.raises(LinkError, match="answers 'ok -1 999999999999', which makes no sense"):
        transport.read(1.0)


def test_a_refused_command_is_the_callers_error(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend()
    renode.open(BOARD, elf, None)
    with pytest.raises(InputError, match=r"^Renode: No such command or device: nonsense$"):
        renode.link.monitor("nonsense")
    assert renode.link.monitor("version").startswith("Renode")


def test_runs_side_by_side_are_kept_apart(pretend: Pretend, elf: Path) -> None:
    pretend()
    backends = [RenodeBackend() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        transports = list(pool.map(lambda b: b.open(BOARD, elf, None), backends))
    try:
        for i, transport in enumerate(transports):
            transport.write(bytes([i]) * 5)
        assert [t.read(1.0) for t in transports] == [bytes([i]) * 5 for i in range(4)]
    finally:
        for backend in backends:
            backend.close()
