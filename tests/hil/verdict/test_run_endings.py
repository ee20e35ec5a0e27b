"""How a run ended: what a crash explains is not told a second time as a bad line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from records import good_run, layer

from hil.record import Link, Memory
from hil.verdict.diagnose import diagnose
from hil.verdict.rules.session import fault, incomplete, link_trouble, memory

IN_A_LAYER = (
    "UsageFault: undefined instruction, at 0x000136EE nn_conv nn_conv.c:46 (called from "
    "model_1_conv1_run model.c:77)\nUsageFault at pc=0x000136ee lr=0x00010d6d sp=0x20000f38 "
    "cfsr=0x00010000 hfsr=0x00000000 address=0x00000000"
)
LAYERS = (layer(0, name="reshape"), layer(1, name="conv1"))


def test_a_crash_is_told_by_its_layer() -> None:
    (found,) = fault(good_run(fault=IN_A_LAYER, device_layers=LAYERS))
    assert (found.cause, found.location) == ("fault", "conv1")


@pytest.mark.parametrize("text", ["HardFault at pc=0x00010234", "model_9_gone_run", "model_x"])
def test_without_a_known_layer_it_is_told_all_the_same(text: str) -> None:
    (found,) = fault(good_run(fault=text, device_layers=LAYERS))
    assert (found.cause, found.location) == ("fault", None)


@pytest.mark.parametrize(
    "text",
    [
        "BusFault at pc=0x00000000 lr=0x00000000 sp=0x1ffffdd0 cfsr=0x00000000",
        "BusFault at pc=0x00010000 sp=0x20000008 cfsr=0x00001000 address=0x00000000",
        "BusFault: no memory to access at 0x1FFFFE3C, at 0x00010888 run model.c:1",
        "MemManage at pc=0x00010000 sp=0x20000008 cfsr=0x00000082 address=0x1fffff00",
    ],
)
def test_a_stack_that_left_the_ram_is_told(text: str) -> None:
    (found,) = fault(good_run(fault=text, device_layers=LAYERS))
    assert (found.cause, found.location) == ("stack-overrun", "stack")


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("BusFault at pc=0x00010000", "crashed"),
        ("a hang, which breaks on the line ended, at pc=0x00010000", "hung"),
    ],
)
def test_a_hang_is_not_called_a_crash(text: str, verb: str) -> None:
    (found,) = fault(good_run(fault=text, device_layers=LAYERS))
    assert found.headline == f"The firmware {verb} on the device"


def test_what_a_crash_left_unanswered_is_no_fault_of_the_line() -> None:
    lost = Link(100, 5, 0, 0, 0, 0)
    assert [f.severity for f in link_trouble(good_run(link=lost))] == ["problem"]
    crashed = good_run(link=lost, fault=IN_A_LAYER, incomplete="no answer for 10 s")
    assert link_trouble(crashed) == []
    assert [f.severity for f in incomplete(crashed)] == ["note"]
    assert [f.cause for f in diagnose(crashed) if f.severity == "problem"] == ["fault"]
    noisy = replace(crashed, link=Link(100, 5, 3, 0, 0, 0))
    assert [f.severity for f in link_trouble(noisy)] == ["problem"]


def test_a_full_stack_is_told_once() -> None:
    full = Memory(1, 100, 1, 100, 1, stack_size=4096, stack_peak=4096)
    assert [f.location for f in memory(good_run(memory=full))] == ["stack"]
    wrong = (layer(0, differing=1, first_difference=0),)
    assert memory(good_run(memory=full, device_layers=wrong)) == []  # exactness.py tells it


def test_a_device_that_was_given_up_on_a_bad_line_is_told_after_the_line() -> None:
    bad = Link(
        frames=20, retransmissions=21, bad_frames_device=2, bad_frames_host=2, overruns=0,
        line_errors=0,
    )  # fmt: skip
    told = diagnose(good_run(link=bad, fault="no answer for 2 s: was brought back"))
    assert [(f.stage, f.cause) for f in told[:2]] == [
        ("link", "damaged-frames"),
        ("device", "fault"),
    ]
