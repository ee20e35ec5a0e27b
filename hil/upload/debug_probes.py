"""The debug probes on this computer's USB, by what they are: never by order.

Read from Linux's own list of USB devices, whose facts anybody may read: the uploading programs
open a probe to ask for its serial number, and have no common way of listing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hil.errors import InputError, clean
from hil.ports import resolve, serial_ports

ST_LINK: Final = "ST-LINK"
CMSIS_DAP: Final = "CMSIS-DAP"

#: (what it is called, kind, vendor, product). ST's are those that both openocd's
#: interface/stlink.cfg and pyocd's probe/stlink/usb.py have; any vendor may make a CMSIS-DAP, and
#: says so in a name.
MODELS: Final = (
    ("ST-LINK/V2", ST_LINK, 0x0483, 0x3748),
    ("ST-LINK/V2-1", ST_LINK, 0x0483, 0x374B),
    ("ST-LINK/V2-1 without a drive", ST_LINK, 0x0483, 0x3752),
    ("STLINK-V3", ST_LINK, 0x0483, 0x374E),
    ("STLINK-V3 with a bridge", ST_LINK, 0x0483, 0x374F),
    ("STLINK-V3 with two serial ports", ST_LINK, 0x0483, 0x3753),
    ("STLINK-V3 without a drive", ST_LINK, 0x0483, 0x3754),
    ("STLINK-V3", ST_LINK, 0x0483, 0x3755),
    ("STLINK-V3PWR", ST_LINK, 0x0483, 0x3757),
    ("Arm's DAPLink", CMSIS_DAP, 0x0D28, 0x0204),
)
DEVICES: Final = Path("/sys/bus/usb/devices")


@dataclass(frozen=True)
class Probe:
    """A probe on USB; texts are made safe to print. serial_number: "" where it has none."""

    kind: str
    name: str
    serial_number: str

    def __str__(self) -> str:
        return f"{self.name}, serial number {self.serial_number or '(none)'}"


def probes(kinds: Sequence[str], devices: Path = DEVICES) -> list[Probe] | None:
    """Return the probes of these kinds, by serial number; None where the system has no list."""
    if not devices.is_dir():
        return None
    seen = (_probe(device) for device in devices.iterdir())
    found = [probe for probe in seen if probe is not None and probe.kind in kinds]
    return sorted(found, key=str)


def _probe(device: Path) -> Probe | None:
    """Return the probe behind a device's folder, None where it is none."""
    ids = _text(device / "idVendor"), _text(device / "idProduct")
    number, product = _text(device / "serial"), _text(device / "product")
    for name, kind, vendor, product_id in MODELS:
        if ids == (f"{vendor:04x}", f"{product_id:04x}"):
            return Probe(kind, name, number)
    # The CMSIS-DAP specification wants its name in the product's or an interface's.
    interfaces = (_text(path) for path in device.glob(f"{device.name}:*/interface"))
    if any(CMSIS_DAP in text for text in (product, *interfaces)):
        return Probe(CMSIS_DAP, product or CMSIS_DAP, number)
    return None


def _text(path: Path) -> str:
    try:
        return clean(path.read_text(errors="replace").strip(), 80)
    except OSError:
        return ""


def choose(there: list[Probe] | None, asked: str | None, wanted: str) -> str | None:
    """Return the serial number of the probe to upload through, None where only one can be meant.

    asked: a probe's serial number, or the serial port that it brings. wanted: what is looked for,
    for messages. Raises InputError where several could be meant, or `asked` is none of them.
    """
    if asked is None:
        if there and len(there) > 1:
            raise InputError(
                f"{len(there)} probes could be meant ({_listed(there)}): give --upload-port, a "
                "probe's serial number"
            )
        return None
    ports = serial_ports()
    device = resolve(ports, asked)
    owner = next((p.serial_number for p in ports if p.device == device), "")
    named = [p for p in there or () if p.serial_number and p.serial_number in (asked, owner)]
    if len(named) == 1:
        return named[0].serial_number
    if there is None and "/" not in asked:
        return asked
    raise InputError(
        f"{clean(asked)} is no {wanted} here ({_listed(there or ())}); give its serial number, or "
        "leave out --upload-port where there is but one"
    )


def _listed(there: Sequence[Probe]) -> str:
    return "; ".join(map(str, there)) or "there is none"
