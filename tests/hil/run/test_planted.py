"""Damage planted in real firmware on the emulator: the run must find it, and find nothing else.

The image is the board's own; bytes of its flash are changed after it has booted, as a wrong build
or a worn flash would have it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from elftools.elf.elffile import ELFFile
from fake_device import MODEL

from hil.backend.embedded import EmbeddedBackend
from hil.board import load_board
from hil.record import Run
from hil.run.steps import Job, Options, prepare, run_on
from hil.run.target import Target, Wanted, connect
from hil.verdict.diagnose import diagnose
from hil.verdict.drift import column

Damage = Callable[[Target], None]

OPTIONS = Options(
    board=load_board("nano33"), backend="embedded", port=None, model=MODEL, vectors=None, limit=24,
    max_drop=2.0, command="", quiet=True,
)  # fmt: skip


def request(target: Target, do: str, **arguments: object) -> dict[str, object]:
    assert isinstance(target.backend, EmbeddedBackend)
    return target.backend.request(do, **arguments)


def symbol(target: Target, name: str) -> tuple[int, int]:
    """Return a symbol's address and size in the image that was booted."""
    assert target.elf is not None
    with target.elf.open("rb") as file:
        (found,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name(name)
        return int(found["st_value"]), int(found["st_size"])


def poke(target: Target, name: str, offset: int, data: bytes) -> None:
    address, size = symbol(target, name)
    assert offset + len(data) <= size
    request(target, "poke", address=(address & ~1) + offset, data=data.hex())


@pytest.fixture(scope="module")
def job() -> Job:
    return prepare(OPTIONS)


@pytest.fixture(scope="module")
def damaged(job: Job) -> Callable[[Damage], Run]:
    def measure(damage: Damage) -> Run:
        with connect(OPTIONS.board, Wanted("embedded"), job.folder, lambda text: None) as target:
            damage(target)
            return run_on(target, OPTIONS, job)

    return measure


def problems(run: Run) -> set[str]:
    return {f"{f.stage}/{f.cause}" for f in diagnose(run) if f.severity == "problem"}


def test_nothing_planted_nothing_found(damaged: Callable[[Damage], Run]) -> None:
    assert problems(damaged(lambda target: None)) == set()


def test_a_damaged_weight_is_found_in_its_layer(damaged: Callable[[Damage], Run]) -> None:
    def damage(target: Target) -> None:
        poke(target, "model_3_conv2_weights", 0, bytes([127] * 160))

    run = damaged(damage)
    found = next(f for f in diagnose(run) if f.stage == "device")
    wrong = [layer.name for layer in run.device_layers if layer.differing]
    assert found.location == wrong[0]
    assert "conv2" in wrong[0]
    assert [x.alone_differs for x in run.device_layers if x.differing][:2] == [True, False]
    assert {p for p in problems(run) if not p.endswith(("loss", "predominance"))} == {
        "device/stale-weights"
    }


def test_a_damaged_constant_of_the_preprocessing_is_found_there(
    damaged: Callable[[Damage], Run],
) -> None:
    def damage(target: Target) -> None:
        poke(target, "model_mean", 8, struct.pack("<f", 3000.0))  # az

    run = damaged(damage)
    found = next(f for f in diagnose(run) if f.stage == "preprocessing")
    assert (found.cause, found.location) == ("offset", "az")
    assert not any(p.startswith("device/") for p in problems(run))
    device, raw = column(run, "device"), column(run, "device-raw")
    assert device is not None
    assert raw is not None
    assert device.predicted != raw.predicted


def test_a_crash_in_the_middle_keeps_what_was_measured(
    damaged: Callable[[Damage], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage(target: Target) -> None:
        infer, count = target.device.infer, 0

        def plant_after_ten(inputs: object, form: int) -> object:
            nonlocal count
            for reply in infer(inputs, form):  # type: ignore[arg-type]
                yield reply
                count += 1
                if count == 10:
                    poke(target, "model_5_conv3_run", 0, b"\xff\xde")  # UDF #255

        monkeypatch.setattr(target.device, "infer", plant_after_ten)
        # A device that crashes at every request is given up after this long.
        target.device._link._session._patience = 2.0

    run = damaged(damage)
    assert run.incomplete is not None
    assert run.fault is not None
    assert "UsageFault" in run.fault or "HardFault" in run.fault
    assert "conv3" in run.fault  # the emulator names the function
    assert "device/fault" in problems(run)
    assert [f.location for f in diagnose(run) if f.cause == "fault"] == ["conv3"]
    assert "link/incomplete" not in problems(run)  # the crash is why it ended
    device = column(run, "device")
    assert device is not None
    assert 10 <= sum(p >= 0 for p in device.predicted) < 24


def test_a_noisy_line_costs_retransmissions_and_no_result(
    damaged: Callable[[Damage], Run],
) -> None:
    def damage(target: Target) -> None:
        for direction in ("to_device", "to_host"):
            request(target, "faults", direction=direction, kind="flip", rate=2e-4, seed=3)

    run = damaged(damage)
    assert run.incomplete is None
    assert all(not c.differing for c in run.comparisons if c.actual.startswith("device"))
    assert run.link is not None
    assert run.link.bad_frames_device + run.link.bad_frames_host > 0
    assert problems(run) <= {"link/damaged-frames"}
    assert any(f.cause == "damaged-frames" for f in diagnose(run))


def test_the_process_that_dies_leaves_an_incomplete_record(
    damaged: Callable[[Damage], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage(target: Target) -> None:
        tap = target.device.tap

        def end_the_emulator(*arguments: object) -> object:
            assert isinstance(target.backend, EmbeddedBackend)
            target.backend.emulator._process.kill()
            return tap(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(target.device, "tap", end_the_emulator)

    run = damaged(damage)
    assert run.incomplete is not None
    assert problems(run) >= {"link/incomplete"}
    device = column(run, "device")
    assert device is not None
    assert min(device.predicted) >= 0  # all of it came before
    assert "\n" not in run.incomplete
