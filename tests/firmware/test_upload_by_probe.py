"""Which debug probe an upload goes through, and how programs are told; the probes are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_bootloader import image_of_firmware

from hil.backend.serial_transport import SerialTransport
from hil.board import Board, load_board
from hil.errors import InputError, NoAnswerError
from hil.identity import Identity
from hil.ports import MAKER, Port
from hil.upload import by_probe, hello
from hil.upload.debug_probes import CMSIS_DAP, ST_LINK, Probe, choose, probes

TILE = load_board("sensortile")


class Usb:
    """Linux's folder of USB devices."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def plug(self, name: str, interface: str | None = None, **facts: str) -> None:
        device = self.folder / name
        device.mkdir()
        for key, value in facts.items():
            (device / key).write_text(value + "\n")
        if interface is not None:
            (device / f"{name}:1.0").mkdir()
            (device / f"{name}:1.0" / "interface").write_text(interface)


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Usb:
    made = Usb(tmp_path / "devices")
    monkeypatch.setattr(probes, "__defaults__", (made.folder,))
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    return made


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that write their arguments, one a line, and end with 7."""
    for name in ("openocd", "pyocd", "st-flash"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/called\nexit 7\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "firmware.bin").write_bytes(image_of_firmware(TILE))
    return tmp_path


V2, DAP = {"idVendor": "0483", "idProduct": "3748"}, {"idVendor": "0d28", "idProduct": "0204"}


def test_probes_are_known_by_id_or_by_name(usb: Usb) -> None:
    usb.plug("usb1", idVendor="1d6b", idProduct="0002")
    usb.plug("1-1", serial="S1", **V2)
    usb.plug("1-2", serial="D1", **DAP)
    usb.plug("1-3", idVendor="1234", idProduct="0001", serial="D2", product="Some CMSIS-DAP\x1b[2J")
    usb.plug("1-4", "CMSIS-DAP v2", idVendor="1234", idProduct="0002", product="Probe")
    usb.plug("1-5", "CDC", idVendor="1234", idProduct="0003", product="No probe")
    assert probes([ST_LINK]) == [Probe(ST_LINK, "ST-LINK/V2", "S1")]
    found = probes([CMSIS_DAP])
    assert found is not None
    assert [p.serial_number for p in found] == ["D1", "", "D2"]
    assert "\x1b" not in str(found)
    assert probes([ST_LINK], usb.folder / "nowhere") is None


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("stlink", "-f interface/stlink.cfg -f target/stm32l4x.cfg -c program {F.elf} verify "
                   "reset exit"),
        ("pyocd", "flash --target stm32l475xg F.elf"),
        ("stflash", "--reset write F.bin 0x08000000"),
    ],
)  # fmt: skip
def test_an_only_probe_needs_no_name(usb: Usb, tools: Path, protocol: str, expected: str) -> None:
    usb.plug("1-1", serial="odd \x01 bytes", **V2)
    usb.plug("1-2", idVendor="1d6b", idProduct="0002", serial="S2")
    assert called(tools, protocol) == expected


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("stlink", "-f interface/stlink.cfg -c if {[catch {adapter serial S2}]} {hla_serial S2} "
                   "-f target/stm32l4x.cfg -c program {F.elf} verify reset exit"),
        ("pyocd", "flash --target stm32l475xg --probe S2 F.elf"),
        ("stflash", "--serial S2 --reset write F.bin 0x08000000"),
    ],
)  # fmt: skip
def test_of_several_the_named_one_is_named_to_the_program(
    usb: Usb, tools: Path, protocol: str, expected: str
) -> None:
    usb.plug("1-1", serial="S1", **V2)
    usb.plug("1-2", serial="S2", **V2)
    assert called(tools, protocol, "--port", "S2") == expected


def called(tools: Path, protocol: str, *options: str) -> str:
    arguments = ["--board", "sensortile", "--protocol", protocol, *options, str(tools)]
    assert by_probe.main(arguments) == 7, "the program's own exit code"
    return (
        (tools / "called").read_text().strip().replace("\n", " ").replace(f"{tools}/firmware", "F")
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "2 probes could be meant (ST-LINK/V2, serial number S1; ST-LINK/V2, serial number S;"),
        (["--port", "/dev/ttyACM0"], "/dev/ttyACM0 is no ST-LINK here (ST-LINK/V2, serial number"),
        (["--port", "S3"], "S3 is no ST-LINK here"),
        (["--port", "S; exec rm"], "cannot be named to a program"),
    ],
)
def test_otherwise_nothing_is_done(
    usb: Usb, tools: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    usb.plug("1-1", serial="S1", **V2)
    usb.plug("1-2", serial="S; exec rm", **V2)
    arguments = ["--board", "sensortile", "--protocol", "stlink", *options, str(tools)]
    assert by_probe.main(arguments) == InputError.exit_code
    error = capsys.readouterr().err
    assert error.startswith("upload: ")
    assert error.count("\n") == 1
    assert words.rstrip(";") in error
    assert not (tools / "called").exists()


def test_a_probe_is_also_known_by_the_port_that_it_brings_and_a_link_to_that(
    usb: Usb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, link = tmp_path / "ttyACM3", tmp_path / "usb-STMicroelectronics_STM32_STLink_S2-if02"
    device.touch()
    link.symlink_to(device.name)
    port = SimpleNamespace(device=str(device), vid=0x0483, pid=0x374B, serial_number="S2",
                           location=None, description=None, manufacturer=None)  # fmt: skip
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [port])
    there = [Probe(ST_LINK, "ST-LINK/V2-1", "S1"), Probe(ST_LINK, "ST-LINK/V2-1", "S2")]
    assert [choose(there, str(p), ST_LINK) for p in (device, link)] == ["S2", "S2"]


def test_where_the_system_has_no_list_a_number_is_believed_and_a_port_is_not(usb: Usb) -> None:
    assert choose(None, "S9", ST_LINK) == "S9"
    assert choose(None, None, ST_LINK) is None
    with pytest.raises(InputError, match="no ST-LINK here"):
        choose(None, "/dev/ttyACM0", ST_LINK)


@pytest.fixture
def upload(
    usb: Usb, tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Upload by openocd, with ports that are there before and after; return how it ended."""
    usb.plug("1-1", serial="S1", **V2)
    monkeypatch.setattr(hello, "RESTART_TIMEOUT_S", 0.3)
    monkeypatch.setattr(hello, "APPEAR_S", 0.1)
    monkeypatch.setattr(hello, "HELLO_S", 0.5)
    (tools / "openocd").write_text(f"#!/bin/sh\n: > {tools}/called\n")

    def upload_(before: list[str], after: list[str], *options: str) -> tuple[int, str]:
        def comports() -> list[SimpleNamespace]:
            return [on_usb(d) for d in (after if (tools / "called").exists() else before)]

        monkeypatch.setattr("serial.tools.list_ports.comports", comports)
        (tools / "called").unlink(missing_ok=True)
        arguments = ["--board", "sensortile", "--protocol", "stlink", *options, str(tools)]
        code = by_probe.main(arguments)
        out, error = capsys.readouterr()
        assert error.count("\n") == (code != 0)
        return code, error or out.splitlines()[-1]

    return upload_


def on_usb(device: str) -> SimpleNamespace:
    """A port of a SensorTile with this firmware; one called "vcp:…" is an ST-LINK's."""
    maker = "STMicroelectronics" if device.startswith("vcp:") else MAKER
    pid = 0x374B if device.startswith("vcp:") else TILE.usb_ids[0][1]
    return SimpleNamespace(device=device.removeprefix("vcp:"), vid=0x0483, pid=pid,
                           serial_number="S1", location=None, description=None,
                           manufacturer=maker)  # fmt: skip


@contextmanager
def silent(port: str) -> Iterator[None]:
    """Nobody answers on this port until the first hello has been given up."""
    ask, calls = hello._ask, []

    def asked(written: hello.Written, of: Port) -> Identity:
        calls.append(of.device)
        if calls == [port]:
            raise NoAnswerError("no answer for 2 s")
        return ask(written, of)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hello, "_ask", asked)
        yield
    assert len(calls) > 1


Upload = Callable[..., tuple[int, str]]
Start = Callable[[Board], str]


def test_a_board_that_comes_up_on_usb_says_hello(upload: Upload, start_firmware: Start) -> None:
    blank, older, port = [], start_firmware(TILE), start_firmware(TILE)
    for before in (blank, [older]):
        code, told = upload(before, [port])
        assert (code, told[: told.index(" runs ")]) == (
            0,
            f"{TILE.title} on {port}, serial number S1",
        )


def test_a_board_on_the_probes_own_port_says_hello(upload: Upload, start_firmware: Start) -> None:
    port = start_firmware(TILE)
    vcp = [f"vcp:{port}"]
    code, told = upload([], vcp)
    assert (code, "it is on no serial port here" in told) == (0, True), "nobody named it"
    code, told = upload(vcp, vcp, "--port", port)
    assert (code, "has not restarted" in told) == (0, True), "it answered all along"
    with silent(port):
        code, told = upload(vcp, vcp, "--port", port)
    assert (code, told[: told.index(" runs ")]) == (0, f"{TILE.title} on {port}, serial number S1")


def test_a_write_that_no_port_can_confirm_is_told_as_that(
    upload: Upload, start_firmware: Start, tools: Path
) -> None:
    code, told = upload([], [])
    assert code == 0
    assert told == (
        "no hello: written and verified by openocd; it is on no serial port here: `tinyhil run "
        "--board sensortile --port PORT --model DIR` shows it once it has a port"
    )
    code, told = upload([], ["/dev/no-such"])
    assert (code, "no answer on /dev/no-such" in told) == (0, True)
    one, other = start_firmware(TILE), start_firmware(TILE)
    code, told = upload([one], [one, other])
    assert (code, "which of 2 boards on USB it is nobody says" in told) == (0, True)
    code, told = upload([one], [one])
    assert (code, "has not restarted, so it is another one" in told) == (0, True)
    held = SerialTransport(one, 115200)
    code, told = upload([one], [one])
    told_of_holder = f"{one}, serial number S1 before is not known ({one} is in use by"
    assert (code, told_of_holder in told) == (0, True)
    held.close()
    (tools / "firmware.bin").write_bytes(image_of_firmware(TILE)[:-8])
    code, told = upload([], [one])
    assert (code, told.startswith("no hello: "), "runs other firmware" in told) == (0, True, True)


def test_a_board_that_answered_before_and_does_not_now_is_a_failure(
    upload: Upload, start_firmware: Start, tools: Path
) -> None:
    one, other = start_firmware(TILE), start_firmware(TILE)
    code, told = upload([one], [])
    assert (code, f"but {one}, which answered before, is gone; press" in told) == (3, True)
    (tools / "firmware.bin").write_bytes(bytes(100))
    code, told = upload([one], [other])
    assert (code, "not an image for sensortile" in told) == (2, True)
    assert not (tools / "called").exists()


def test_looking_runs_no_program(usb: Usb, tools: Path) -> None:
    arguments = ["--board", "sensortile", "--protocol", "stlink", "--check", str(tools / "no")]
    assert by_probe.main(arguments) == 0
    assert by_probe.main([*arguments, "--port", "S9"]) == InputError.exit_code
    assert not (tools / "called").exists()
