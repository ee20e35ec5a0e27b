"""What the device says of itself, held to the specifications; and the checker, to broken ones."""

from __future__ import annotations

import pytest
from core_port import CorePort, finish
from usb_rules import (
    configuration_problems,
    describe,
    device_problems,
    split,
    string_problems,
    text,
)

from hil.emulator.usb_host import StalledError, UsbHost, request


def test_descriptors_keep_the_rules(host: UsbHost) -> None:
    found = host.function
    assert device_problems(found.device) == []
    assert configuration_problems(found.configuration) == []
    assert len(found.strings) == 4
    for string in found.strings.values():
        assert string_problems(string) == [] or string == found.strings[0]
    assert found.strings[0] == bytes((4, 3, 0x09, 0x04))


def test_names_and_the_chips_number_are_told(host: UsbHost) -> None:
    names = {n: text(s) for n, s in host.function.strings.items() if n}
    assert names == {1: "Maker", 2: "Name", 3: "0123456789ABCDEF"}
    assert host.function.device[8:12] == bytes.fromhex("41235a80")


def test_it_reads_as_lsusb_would_print_it(host: UsbHost) -> None:
    assert describe(host.function.device, host.function.configuration) == (
        "device 2341:805a USB 2.00 class 2 EP0 64 bytes\n"
        "configuration 1: 2 interfaces, 100 mA\n"
        "  interface 0.0: class 2.2.0, 1 endpoints\n"
        "    CDC header: 10 01\n"
        "    CDC call management: 00 01\n"
        "    CDC abstract control: 06\n"
        "    CDC union: 00 01\n"
        "    endpoint 1 IN: interrupt, 16 bytes\n"
        "  interface 1.0: class 10.0.0, 2 endpoints\n"
        "    endpoint 2 OUT: bulk, 64 bytes\n"
        "    endpoint 2 IN: bulk, 64 bytes"
    )


@pytest.mark.parametrize("length", [0, 1, 8, 9, 64, 66, 67, 68, 255, 65535])
def test_a_descriptor_is_cut_to_what_was_asked_for(port: CorePort, length: int) -> None:
    host = UsbHost(port)
    whole = finish(host.descriptor(2, 0, 255))
    assert finish(host.descriptor(2, 0, length)) == whole[:length]


@pytest.mark.parametrize("value", [0x0101, 0x0201, 0x0304, 0x03EE, 0x0400, 0x0500, 0x0600, 0x0F00])
def test_what_is_not_there_is_refused(port: CorePort, value: int) -> None:
    with pytest.raises(StalledError):
        finish(UsbHost(port).control(request(0x80, 6, value, 0, 64)))


def changed(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes((value,)) + data[at + 1 :]


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [(2, 66, "wTotalLength"), (4, 3, "bNumInterfaces"), (5, 0, "bConfigurationValue"),
     (7, 0x00, "bmAttributes"), (8, 251, "bMaxPower"), (13, 2, "bNumEndpoints"),
     (15, 3, "ACM subclass"), (20, 1, "header comes first"), (27, 0, "bDataInterface"),
     (30, 7, "missing"), (35, 5, "union names"), (39, 0x01, "interrupt IN"),
     (43, 0, "interval"), (49, 11, "class 10"), (55, 0x82, "used once"),
     (56, 3, "bulk endpoint each way"), (57, 63, "8, 16, 32 or 64")],
)  # fmt: skip
def test_the_checker_finds_what_is_wrong(host: UsbHost, at: int, value: int, said: str) -> None:
    broken = changed(host.function.configuration, at, value)
    assert broken != host.function.configuration
    assert said in "; ".join(configuration_problems(broken))


@pytest.mark.parametrize(("at", "value"), [(2, 5), (5, 1), (7, 63), (8, 0), (12, 0x0A), (17, 0)])
def test_the_checker_finds_a_wrong_device(host: UsbHost, at: int, value: int) -> None:
    broken = bytearray(host.function.device)
    broken[at] = value
    if at == 8:
        broken[9] = 0
    assert len(device_problems(bytes(broken))) == 1


def test_lengths_that_lie_are_found(host: UsbHost) -> None:
    for size in (0, 1, 255):
        with pytest.raises(ValueError, match="bLength"):
            split(changed(host.function.configuration, 9, size))
