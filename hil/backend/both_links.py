"""Which of an emulated board's two links to use, with both attached: as somebody at a desk would.

USB where the cable leads to a device that enumerates and answers a HELLO there, else the UART on
its pins. The firmware does its part of this by itself: the last valid HELLO has the session
(firmware/src/port/cortex_m/link.h).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from hil.backend.base import Transport
from hil.wire.frame import Decoder, Frame, encode
from hil.wire.messages import HelloRequest
from hil.wire.schema import PROTOCOL_VERSION, REPLY_BIT

#: An emulated board is up and enumerated in milliseconds. On a host with much else to do that may
#: take longer; firmware without USB is asleep by then, and not waited for.
START_S: Final = 5.0
HELLO_S: Final = 5.0
LOOK_S: Final = 0.005

#: `EmbeddedBackend.request`: a command of hil/emulator/control.py, and its answer.
Request = Callable[..., dict[str, Any]]


def take_link(request: Request, transport: Transport) -> str:
    """Join `transport` to one of the links; return its name. Raises LinkError when all has ended.

    Where neither answers it is the UART, which needs the least of the firmware.
    """
    if _is_enumerated(request):
        request("join", via="usb")
        if _says_hello(transport):
            return "usb"
    request("join", via="uart")
    return "uart"


def _is_enumerated(request: Request) -> bool:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        usb = request("usb", action="state")
        if usb["open"] or usb["fault"]:
            return bool(usb["open"])
        if not usb["attached"] and request("counters")["state"] != "running":
            return False
        time.sleep(LOOK_S)
    return False


def _says_hello(transport: Transport) -> bool:
    hello = encode(Frame(HelloRequest.TYPE, 0, HelloRequest(PROTOCOL_VERSION).encode()))
    transport.write(b"\0" + hello)  # the zero ends what may have been begun there
    decoder, deadline = Decoder(), time.monotonic() + HELLO_S
    while (left := deadline - time.monotonic()) > 0:
        for frame in decoder.feed(transport.read(left)):
            if isinstance(frame, Frame) and frame.type == HelloRequest.TYPE | REPLY_BIT:
                return True
    return False
