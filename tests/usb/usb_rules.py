"""Descriptors as a host reads them: decoded for people, and checked against the specifications.

Written from USB 2.0 (chapter 9), CDC 1.2 and PSTN 1.2, not from the firmware. `problems` names each
rule that is broken; `describe` prints what lsusb would, in fewer words.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT = 1, 2, 3, 4, 5
CS_INTERFACE = 0x24
COMMUNICATIONS, CDC_DATA, ACM = 2, 10, 2
HEADER, CALL_MANAGEMENT, ABSTRACT_CONTROL, UNION = 0, 1, 2, 6
TRANSFERS = ("control", "isochronous", "bulk", "interrupt")
#: Sizes of the descriptors that have one size (USB 2.0 tables 9-8 to 9-13; CDC 1.2 5.2.3).
SIZES = {DEVICE: 18, CONFIGURATION: 9, INTERFACE: 9, ENDPOINT: 7}
CDC_SIZES = {HEADER: 5, CALL_MANAGEMENT: 5, ABSTRACT_CONTROL: 4, UNION: 5}


@dataclass(frozen=True)
class Part:
    """One descriptor out of a configuration: its type and its bytes, the length and type too."""

    kind: int
    data: bytes


def split(configuration: bytes) -> list[Part]:
    """Return the descriptors of a whole configuration. Raises ValueError for a length that lies."""
    parts, at = [], 0
    while at < len(configuration):
        size = configuration[at]
        if size < 2 or at + size > len(configuration):
            raise ValueError(f"bLength {size} at byte {at} of {len(configuration)}")
        parts.append(Part(configuration[at + 1], configuration[at : at + size]))
        at += size
    return parts


def device_problems(data: bytes) -> list[str]:
    """Check a device descriptor (USB 2.0 9.6.1) for a full-speed device."""
    if len(data) != 18 or data[0] != 18 or data[1] != DEVICE:
        return ["a device descriptor is 18 bytes of type 1"]
    release, kind, subclass, protocol, size = struct.unpack_from("<HBBBB", data, 2)
    found = []
    if release not in (0x0110, 0x0200):
        found.append("bcdUSB is 1.10 or 2.00 for a full-speed device")
    if kind == 0 and (subclass or protocol):
        found.append("bDeviceClass 0 takes subclass 0 and protocol 0")
    if kind == COMMUNICATIONS and subclass:
        found.append("CDC 1.2 4.1: subclass 0 on the device level")
    if size not in (8, 16, 32, 64):
        found.append("bMaxPacketSize0 is 8, 16, 32 or 64")
    if data[17] < 1:
        found.append("there is a configuration")
    if not int.from_bytes(data[8:10], "little"):
        found.append("idVendor is assigned")
    if any(digit > 9 for byte in data[12:14] for digit in (byte >> 4, byte & 15)):
        found.append("bcdDevice is binary-coded decimal")
    return found


def configuration_problems(data: bytes) -> list[str]:
    """Check a configuration with all that belongs to it (USB 2.0 9.6.3 to 9.6.6)."""
    try:
        parts = split(data)
    except ValueError as error:
        return [str(error)]
    if not parts or parts[0].kind != CONFIGURATION:
        return ["it begins with a configuration descriptor"]
    found = [f"a descriptor of type {p.kind} has {SIZES[p.kind]} bytes" for p in parts
             if len(p.data) != SIZES.get(p.kind, len(p.data))]  # fmt: skip
    return found or [*_head_problems(parts), *_interface_problems(parts), *_cdc_problems(parts)]


def _head_problems(parts: list[Part]) -> list[str]:
    head, found = parts[0].data, []
    total = int.from_bytes(head[2:4], "little")
    numbers = {p.data[2] for p in parts if p.kind == INTERFACE}
    if total != sum(len(p.data) for p in parts):
        found.append("wTotalLength counts every descriptor")
    if head[4] != len(numbers) or numbers != set(range(head[4])):
        found.append("bNumInterfaces: interfaces are numbered from 0")
    if head[5] == 0:
        found.append("bConfigurationValue 0 means unconfigured")
    if not head[7] & 0x80 or head[7] & 0x1F:
        found.append("bmAttributes: bit 7 set, bits 4 to 0 clear")
    if head[8] > 250:
        found.append("bMaxPower is at most 500 mA")
    return found


def _groups(parts: list[Part]) -> list[list[Part]]:
    """Return each interface descriptor with those that follow it."""
    starts = [i for i, p in enumerate(parts) if p.kind == INTERFACE]
    return [parts[a:b] for a, b in pairwise([*starts, len(parts)])]


def _interface_problems(parts: list[Part]) -> list[str]:
    found, used = [], set()
    for group in _groups(parts):
        ends = [p.data for p in group if p.kind == ENDPOINT]
        if group[0].data[4] != len(ends):
            found.append("bNumEndpoints counts the interface's endpoints")
        for end in ends:
            if end[2] in used:
                found.append(f"endpoint 0x{end[2]:02X} is used once")
            used.add(end[2])
            found += _endpoint_problems(end)
    return found


def _endpoint_problems(end: bytes) -> list[str]:
    found, size = [], int.from_bytes(end[4:6], "little")
    kind = TRANSFERS[end[3] & 3]
    if not end[2] & 0xF or end[2] & 0x70:
        found.append("bEndpointAddress: number 1 to 15, bits 6 to 4 clear")
    if kind == "bulk" and size not in (8, 16, 32, 64):
        found.append("USB 2.0 5.8.3: a full-speed bulk packet is 8, 16, 32 or 64 bytes")
    if kind == "interrupt" and not (0 < size <= 64 and end[6] > 0):
        found.append("USB 2.0 5.7: an interrupt endpoint has an interval and 64 bytes at most")
    if kind != "isochronous" and end[3] & 0x3C:
        found.append("bmAttributes: bits 5 to 2 are for isochronous endpoints")
    return found


def _cdc_problems(parts: list[Part]) -> list[str]:
    groups = _groups(parts)
    control = next((g for g in groups if tuple(g[0].data[5:7]) == (COMMUNICATIONS, ACM)), None)
    if control is None:
        return ["CDC 1.2: there is a communications interface of the ACM subclass"]
    found = []
    functional = [p.data for p in control if p.kind == CS_INTERFACE]
    kinds = [f[2] for f in functional]
    if kinds[:1] != [HEADER]:
        found.append("CDC 1.2 5.2.3: the header comes first")
    if any(len(f) != CDC_SIZES.get(f[2], len(f)) for f in functional):
        found.append("CDC 1.2 5.2.3, PSTN 1.2 5.3: functional descriptors' sizes")
    missing = {HEADER, CALL_MANAGEMENT, ABSTRACT_CONTROL, UNION} - set(kinds)
    if missing:
        found.append(f"PSTN 1.2 5.3: functional descriptors {sorted(missing)} are missing")
        return found
    order = [p.kind for p in control]
    if ENDPOINT in order[: len(order) - order[::-1].index(CS_INTERFACE)]:
        found.append("CDC 1.2 5.2.3: functional descriptors come before endpoints")
    union = next(f for f in functional if f[2] == UNION)
    calls = next(f for f in functional if f[2] == CALL_MANAGEMENT)
    numbers = {g[0].data[2]: g for g in groups}
    if union[3] != control[0].data[2] or union[4] not in numbers:
        return [*found, "CDC 1.2 5.2.3.2: the union names the two interfaces"]
    data = numbers[union[4]]
    if calls[4] != union[4]:
        found.append("PSTN 1.2 5.3.1: bDataInterface is the union's subordinate")
    if data[0].data[5:8] != bytes((CDC_DATA, 0, 0)):
        found.append("CDC 1.2 4.5: the data interface has class 10, subclass and protocol 0")
    ends = sorted((p.data[3] & 3, p.data[2] >> 7) for p in data if p.kind == ENDPOINT)
    if ends != [(2, 0), (2, 1)]:
        found.append("CDC 1.2 3.3.1: the data interface has a bulk endpoint each way")
    notify = [(p.data[3] & 3, p.data[2] >> 7) for p in control if p.kind == ENDPOINT]
    if notify != [(3, 1)]:
        found.append("PSTN 1.2 3.2.2: the control interface has an interrupt IN endpoint")
    return found


def string_problems(data: bytes) -> list[str]:
    """Check a string descriptor (USB 2.0 9.6.7)."""
    if len(data) < 2 or data[0] != len(data) or data[1] != STRING or len(data) % 2:
        return ["bLength, type 3, UTF-16LE"]
    try:
        text = data[2:].decode("utf-16-le")
    except UnicodeDecodeError:
        return ["UTF-16LE"]
    return ["no NUL at the end"] if "\0" in text else []


def text(data: bytes) -> str:
    """Return a string descriptor's text."""
    return data[2:].decode("utf-16-le")


def describe(device: bytes, configuration: bytes) -> str:
    """Return what `lsusb -v` shows of it, a descriptor a line."""
    vendor, product = struct.unpack_from("<HH", device, 8)
    lines = [f"device {vendor:04x}:{product:04x} USB {device[3]:x}.{device[2]:02x} "
             f"class {device[4]} EP0 {device[7]} bytes"]  # fmt: skip
    return "\n".join([*lines, *(_line(p.data) for p in split(configuration))])


def _line(d: bytes) -> str:
    if d[1] == CONFIGURATION:
        return f"configuration {d[5]}: {d[4]} interfaces, {2 * d[8]} mA"
    if d[1] == INTERFACE:
        return f"  interface {d[2]}.{d[3]}: class {d[5]}.{d[6]}.{d[7]}, {d[4]} endpoints"
    if d[1] == ENDPOINT:
        way, size = "IN" if d[2] & 0x80 else "OUT", int.from_bytes(d[4:6], "little")
        return f"    endpoint {d[2] & 15} {way}: {TRANSFERS[d[3] & 3]}, {size} bytes"
    if d[1] == CS_INTERFACE:
        names = {HEADER: "header", CALL_MANAGEMENT: "call management",
                 ABSTRACT_CONTROL: "abstract control", UNION: "union"}  # fmt: skip
        return f"    CDC {names.get(d[2], d[2])}: {d[3:].hex(' ')}"
    return f"    type {d[1]}: {d[2:].hex(' ')}"
