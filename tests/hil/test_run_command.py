"""`tinyhil run` and `tinyhil boards` as a user meets them: output, files, exit codes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_device import MODEL, FakeBackend

from hil.board import load_board
from hil.cli import main
from hil.errors import NoAnswerError
from hil.record import load_run

Fake = Callable[..., object]


def run(*arguments: str) -> int:
    return main(["run", "--board", "nano33", "--backend", "fake", "--model", str(MODEL),
                 "--limit", "20", *arguments])  # fmt: skip


def test_a_device_in_order(fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake()
    record, report = tmp_path / "new" / "run.json", tmp_path / "new" / "run.html"
    assert run("--record", str(record), "--report", str(report)) == 0
    out, err = capsys.readouterr()
    assert "back end: device in memory" in err
    lines = out.splitlines()
    assert lines[0] == "Arduino Nano 33 BLE Sense · device in memory · UART"
    for name in ("float", "pruned", "int8", "device", "device-raw"):
        assert any(line.split()[:1] == [name] and "%" in line for line in lines)
    assert "device outputs 20/20" in out
    assert re.search(r"^device .* same classes ", out, re.MULTILINE)  # bytes are told elsewhere
    steps = "float → pruned → int8 → device → device-raw"
    assert f"✓ Nothing was found wrong along {steps}, as far as these windows can tell" in lines
    assert f"record: {record}" in lines
    assert f"report: {report}" in lines
    assert max(map(len, lines)) <= 200
    assert len(lines) < 45
    assert len(load_run(record).windows.label) == 20
    assert report.read_text().startswith("<!")


def test_json_is_all_that_standard_output_has(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(wrong_layer=1)
    assert run("--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert data["verdict"] == "failed"
    assert data["record"] is None
    (problem, *_) = data["findings"]
    assert (problem["stage"], problem["cause"]) == ("device", "stale-weights")
    by_name = {c["name"]: c for c in data["columns"]}
    # The chain begins with the recordings held out of training, where the model folder has some.
    assert by_name["validation"]["change"] is None
    assert by_name["float"]["change"]["value"] == pytest.approx(
        by_name["float"]["accuracy"]["value"] - by_name["validation"]["accuracy"]["value"]
    )
    assert 0 <= by_name["int8"]["accuracy"]["low"] <= by_name["int8"]["accuracy"]["value"]


@pytest.mark.parametrize(
    ("faults", "code"),
    [({}, 0), ({"wrong_layer": 0}, 1), ({"raw_offset": 1}, 1), ({"crash_at": 9}, 1),
     ({"gone_at": 9}, 3), ({"gone_at": 1}, 3), ({"others": {"model_hash": bytes(32)}}, 3)],
)  # fmt: skip
def test_exit_codes(fake: Fake, faults: dict[str, object], code: int) -> None:
    fake(**faults)
    assert run() == code


def test_an_incomplete_run_leaves_its_record(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(gone_at=9)
    assert run("--record", str(tmp_path / "run.json")) == 3
    assert "✗ The run ended early: /dev/fake: the port vanished" in capsys.readouterr().out
    assert load_run(tmp_path / "run.json").incomplete == "/dev/fake: the port vanished"


def test_the_keyboard_ends_a_run_and_keeps_what_was_measured(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fake_device.FakeDevice.on_tap", interrupt)
    assert run("--record", str(tmp_path / "run.json")) == 3
    assert load_run(tmp_path / "run.json").incomplete == "interrupted"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "/nowhere"], "no such model folder"),
        (["--vectors", "/nowhere.npz"], "No such file"),
        (["--limit", "-3"], "--limit -3"),
        (["--max-drop", "1000"], "--max-drop 1000"),
        (["--record", "/dev/null/x.json"], "/dev/null"),
        (["--report", "/tmp"], "is a folder"),  # noqa: S108 - only named, never written
    ],
)
def test_wrong_use_is_one_line_and_no_device_is_touched(
    fake: Fake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], words: str,
) -> None:  # fmt: skip
    fake()
    monkeypatch.delattr(FakeBackend, "last", raising=False)
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tinyhil: ")
    assert err.count("\n") == 1
    assert words in err
    assert not hasattr(FakeBackend, "last")


@pytest.mark.parametrize("content", [b"", b"\x00" * 64])
def test_tampered_vectors_are_refused(
    fake: Fake, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes
) -> None:
    fake()
    vectors = tmp_path / "v.npz"
    vectors.write_bytes(content)
    shutil.copy(MODEL / "vectors.json", tmp_path / "v.json")
    assert run("--vectors", str(vectors)) == 2
    err = capsys.readouterr().err
    assert "its SHA-256 is not the one in v.json" in err
    assert err.count("\n") == 1


def test_no_such_board(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--board", "uno", "--model", str(MODEL)])
    assert caught.value.code == 2
    assert "'uno'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--port", ""], "--port is empty"),
     (["--port", "/dev/ttyUSB0", "--backend", "embedded"], "the embedded back end takes no port"),
     (["--port", "/dev/ttyUSB0", "--backend", "host"], "the host back end takes no port")],
)  # fmt: skip
def test_a_port_is_never_passed_over_in_silence(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--board", "nano33", "--model", str(MODEL), *arguments]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [("no answer for 5 s", "no answer for 5 s on /dev/x: is it"),
     ("no answer for 10 s, and /dev/x takes no bytes", "and /dev/x takes no bytes: is it")],
)  # fmt: skip
def test_a_port_where_nobody_answers_says_how_to_flash(
    error: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Silent:
        def __init__(self, transport: object) -> None: ...

        def identify(self, **_expected: object) -> None:
            raise NoAnswerError(error)

    monkeypatch.setattr("hil.run.target.Device", Silent)
    for method in ("check", "open"):
        monkeypatch.setattr(f"hil.backend.hardware.HardwareBackend.{method}", lambda *_: None)
    assert main(["run", "--board", "nano33", "--model", str(MODEL), "--port", "/dev/x"]) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("tinyhil: ")
    assert said in line
    assert f"`tinyhil flash --board nano33 --model {MODEL}`" in line


@pytest.fixture
def _nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def computed(*_: object, **__: object) -> None:
        raise AssertionError("somebody would wait for this before the device is looked for")

    for place in ("steps.run_reference", "target.build", "target._image"):
        monkeypatch.setattr(f"hil.run.{place}", computed)
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.setattr("hil.backend.emulator.find_spec", lambda _name: None)


@pytest.mark.usefixtures("_nothing_is_computed")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(["--port", "/dev/no-such-port"], 3, "/dev/no-such-port cannot be opened (No such file"),
     (["--backend", "hardware"], 2, "no nano33 on USB: give --port"),
     (["--backend", "embedded"], 2, "the emulator is not installed"),
     (["--backend", "renode"], 2, "Renode is not installed"),
     (["--backend", "host"], 2, "no C compiler (cc) on PATH")],
)  # fmt: skip
def test_what_is_not_there_is_told_before_anything_is_computed(
    arguments: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["run", "--board", "nano33", "--model", str(MODEL), *arguments]) == code
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert said in line


@pytest.mark.usefixtures("_nothing_is_computed")
def test_live_looks_for_the_emulator_before_it_builds(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["live", "--board", "nano33", "--model", str(MODEL), "--fast", "--count", "1"]
    assert main(arguments) == 2
    assert "the emulator is not installed" in capsys.readouterr().err


def port(vid: int | None, pid: int | None, device: str, description: str) -> SimpleNamespace:
    return SimpleNamespace(
        vid=vid, pid=pid, device=device, description=description, serial_number=None,
        location=None, manufacturer=None,
    )  # fmt: skip


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        port(0x2341, 0x805A, "/dev/ttyACM0", "Nano 33 BLE\x1b[2J"),
        port(0x0403, 0x6001, "/dev/ttyUSB0", "adapter"),
        port(None, None, "/dev/ttyS0", "n/a"),
        port(0x0483, 0x5740, "/dev/ttyACM1", "STM32 Virtual ComPort"),
    ]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: found)


def test_boards_for_people(ports: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boards"]) == 0
    out = capsys.readouterr().out
    nano, tile = out.split("\n\n")
    assert "64 MHz, flash 960 KB, RAM 256 KB" in nano
    assert "ports: /dev/ttyACM0 (Nano 33 BLE" in nano
    assert "ttyACM1 (STM32 Virtual ComPort; made by nobody, not this firmware)" in tile
    assert "\x1b" not in out
    assert "ttyUSB0" not in out


def test_boards_as_json(ports: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boards", "--json"]) == 0
    data = {b["name"]: b for b in json.loads(capsys.readouterr().out)}
    facts = load_board("sensortile").facts
    assert data["sensortile"]["clock_hz"] == facts.clock_hz
    assert data["sensortile"]["usb_ids"] == ["0483:5740", "0483:df11"]
    assert len(data["nano33"]["ports"]) == 1
