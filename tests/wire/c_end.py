"""The C decoder, encoder and server as Python objects."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import (
    POINTER,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_void_p,
)

from hil.wire.frame import BadFrame, Frame

#: enum wire_decoder_result
MORE, FRAME, BAD_COBS, BAD_SIZE, BAD_CRC = range(5)
REASONS = {BAD_COBS: "COBS", BAD_SIZE: "size", BAD_CRC: "CRC"}

MAX_INPUT = 4096
MAX_LAYERS = 600


class Options(ctypes.Structure):
    """struct fake_options."""

    _fields_ = (
        ("input_size", c_uint32),
        ("layers", c_uint16),
        ("staging_size", c_uint32),
        ("boot_id", c_uint32),
        ("has_preprocessing", c_uint32),
        ("failing_layer", c_int32),
        ("has_no_sensor", c_uint32),
    )


SIGNATURES = {
    "c_device_new": (c_void_p, [POINTER(Options)]),
    "c_device_reset_wanted": (c_int, [c_void_p]),
    "c_line_max": (c_size_t, []),
    "c_ring_min": (c_size_t, []),
    "c_decoder_new": (c_void_p, []),
    "c_decoder_size": (c_size_t, [c_void_p]),
    "c_decoder_data": (POINTER(c_uint8), [c_void_p]),
    "c_encode": (c_size_t, [c_uint8, c_uint16, c_char_p, c_size_t, c_char_p]),
    "c_free": (None, [c_void_p]),
    "wire_crc32": (c_uint32, [c_uint32, c_char_p, c_size_t]),
    "wire_decoder_feed": (c_int, [c_void_p, c_char_p, c_size_t, POINTER(c_size_t)]),
    "fake_device_exchange": (
        c_size_t,
        [c_void_p, c_char_p, c_size_t, c_size_t, c_char_p, c_size_t],
    ),
}


def bind(library: ctypes.CDLL) -> ctypes.CDLL:
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class CDecoder:
    """wire_decoder, with the interface of hil.wire.frame.Decoder."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._decoder = library.c_decoder_new()

    def __del__(self) -> None:
        self._library.c_free(self._decoder)

    def feed(self, data: bytes) -> list[Frame | BadFrame]:
        results: list[Frame | BadFrame] = []
        used = c_size_t()
        while data:
            event = self._library.wire_decoder_feed(self._decoder, data, len(data), used)
            data = data[used.value :]
            if event == FRAME:
                size = self._library.c_decoder_size(self._decoder)
                content = bytes(self._library.c_decoder_data(self._decoder)[:size])
                sequence = int.from_bytes(content[1:3], "little")
                results.append(Frame(content[0], sequence, content[3:]))
            elif event != MORE:
                results.append(BadFrame(REASONS[event]))
        return results


class CDevice:
    """The fake device of tests/c/fake_model.h."""

    def __init__(
        self,
        library: ctypes.CDLL,
        *,
        input_size: int = 24,
        layers: int = 4,
        staging_size: int = 8192,
        boot_id: int = 77,
        has_preprocessing: int = 1,
        failing_layer: int = -1,
        has_no_sensor: int = 0,
    ) -> None:
        options = Options(
            input_size,
            layers,
            staging_size,
            boot_id,
            has_preprocessing,
            failing_layer,
            has_no_sensor,
        )
        self.options = options
        self._library = library
        self._device = library.c_device_new(options)
        self._line_max = library.c_line_max()

    def __del__(self) -> None:
        self._library.c_free(self._device)

    def exchange(self, data: bytes, piece: int = 4096) -> bytes:
        """Feed bytes; return what comes back, which the server hands over in pieces."""
        # At most one reply for each 0x00; the exact bound is the fuzzer's.
        room = self._line_max * (1 + data.count(0))
        out = ctypes.create_string_buffer(room)
        size = self._library.fake_device_exchange(self._device, data, len(data), piece, out, room)
        return out.raw[:size]

    @property
    def reset_wanted(self) -> bool:
        return bool(self._library.c_device_reset_wanted(self._device))


def serve(read: Callable[[int], bytes], write: Callable[[bytes], object], end: CDevice) -> None:
    """Be the device until the other side goes."""
    try:
        while data := read(4096):
            if out := end.exchange(data):
                write(out)
    except OSError:
        return
