"""udev rules: who sits at this Linux machine may use the boards and their debug probes.

`tinyhil doctor --udev` prints them. TAG+="uaccess" asks logind for access by whoever is logged in
at the seat; MODE and GROUP serve those who log in from afar. ModemManager is told to keep off:
it talks to every new serial port, and its bytes would reach a bootloader.
"""

from __future__ import annotations

from typing import Final

from hil.board import board_names, load_board

#: USB ids of the debug probes that an upload may go through, by what they are called.
PROBES: Final = (
    ("ST-LINK/V2", 0x0483, 0x3748),
    ("ST-LINK/V2-1", 0x0483, 0x374B),
    ("STLINK-V3", 0x0483, 0x374E),
    ("CMSIS-DAP (Arm's DAPLink)", 0x0D28, 0x0204),
)
PATH: Final = "/etc/udev/rules.d/60-tinyhil.rules"


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
    for name, vendor, product in PROBES:
        lines += ["", f"# {name}", _rule(vendor, product, "usb")]
    return "\n".join(lines)


def _rule(vendor: int, product: int, subsystem: str) -> str:
    which = "ATTRS" if subsystem == "tty" else "ATTR"  # a tty's ids are those of its parent
    return (
        f'SUBSYSTEM=="{subsystem}", {which}{{idVendor}}=="{vendor:04x}", '
        f'{which}{{idProduct}}=="{product:04x}", MODE="0660", GROUP="dialout", TAG+="uaccess", '
        'ENV{ID_MM_DEVICE_IGNORE}="1"'
    )
