"""udev rules: who sits at this Linux machine may use the boards and their debug probes.

`tinyhil doctor --udev` prints them. TAG+="uaccess" asks logind for access by whoever is logged in
at the seat; MODE and GROUP serve those who log in from afar. ModemManager is told to keep off:
it talks to every new serial port, and its bytes would reach a bootloader.

Debug probes are reached as USB devices; a CMSIS-DAP of version 1 is a HID device and reached as
hidraw. Any vendor may make one: it has CMSIS-DAP in its product's or an interface's name. What is
opened is the USB device, above its interfaces: their names are looked up by a program. They are not
there yet as the device is added, but are when a driver takes it (udev's "bind", Linux 4.14).
"""

from __future__ import annotations

from typing import Final

from hil.board import board_names, load_board
from hil.upload.debug_probes import CMSIS_DAP, MODELS

PATH: Final = "/etc/udev/rules.d/60-tinyhil.rules"
#: %p: the device's path below /sys. A hub's folder has its devices', but no interface's name.
INTERFACES: Final = f"/bin/sh -c 'grep -qs {CMSIS_DAP} /sys%p/*/interface'"
#: How a CMSIS-DAP of any vendor is known: what udev compares.
BY_NAME: Final = (
    f'SUBSYSTEM=="usb", ATTR{{product}}=="*{CMSIS_DAP}*"',
    f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", PROGRAM=="{INTERFACES}"',
    f'SUBSYSTEM=="hidraw", ATTRS{{product}}=="*{CMSIS_DAP}*"',
    f'SUBSYSTEM=="hidraw", ATTRS{{interface}}=="*{CMSIS_DAP}*"',
)
GRANT: Final = 'MODE="0660", GROUP="dialout", TAG+="uaccess", ENV{ID_MM_DEVICE_IGNORE}="1"'


def udev_rules() -> str:
    """Return the rules as one file's text, with the commands that put it in place."""
    lines = [
        "# Boards and debug probes for tinyhil. To put these rules in place:",
        f"#   tinyhil doctor --udev | sudo tee {PATH}",
        "#   sudo udevadm control --reload-rules && sudo udevadm trigger",
    ]
    for board in map(load_board, board_names()):
        lines += ["", f"# {board.title}"]
        lines += [_rule(vendor, product, "tty") for vendor, product in board.usb_ids]
        lines += [_rule(vendor, product, "usb") for vendor, product in board.usb_ids]
    for name, kind, vendor, product in MODELS:
        reached = ("usb", "tty", "hidraw") if kind == CMSIS_DAP else ("usb", "tty")
        lines += ["", f"# {name}", *(_rule(vendor, product, subsystem) for subsystem in reached)]
    lines += ["", f"# Any {CMSIS_DAP}, by its name"]
    lines += [f"{known}, {GRANT}" for known in BY_NAME]
    return "\n".join(lines)


def _rule(vendor: int, product: int, subsystem: str) -> str:
    which = "ATTR" if subsystem == "usb" else "ATTRS"  # a tty's ids are those of its parent
    return (
        f'SUBSYSTEM=="{subsystem}", {which}{{idVendor}}=="{vendor:04x}", '
        f'{which}{{idProduct}}=="{product:04x}", {GRANT}'
    )
