"""The wire protocol's single definition.

`emit.py` turns it into `hil/wire/messages.py`, `firmware/lib/wire/wire_schema.h` and the tables
of PROTOCOL.md; CI fails when one of them is stale. Change it here and run `make generate`.

Rules that keep a lost frame from corrupting anything:

* every request carries all that its answer depends on. There is one piece of memory on the
  device, the staging buffer, and whoever uses it names the CRC-32 of what must be in it;
* every request may be repeated: answers are pure functions of the request and the staged bytes
  (RESET names the boot it means to end, so a repeated one is harmless). The sensor goes on by
  itself; what is asked of it names the stream and the sample, and a sample keeps its number;
* the device never speaks first. One request, one reply with the same sequence number.

All numbers are little endian. A field of type `bytes` or `str` comes last and takes what is left
of the body; `str` is UTF-8. A reply's type is its request's type with bit 7 set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

PROTOCOL_VERSION: Final = 1

REPLY_BIT: Final = 0x80
ERROR_TYPE: Final = 0xFF  # its body is ERROR below

#: type u8 + sequence u16 before the body, CRC-32 (IEEE 802.3, zlib's) after it; then COBS, then 0.
HEADER_SIZE: Final = 3
TRAILER_SIZE: Final = 4

#: What this project's firmware offers; another device states its own in HELLO. 1024 keeps the
#: framing under 1 % while four frames and their buffers take less than 7 KB of RAM.
MAX_BODY: Final = 1024
CREDITS: Final = 4
#: The host sends nothing larger before HELLO has told it more, and decodes nothing larger ever.
HOST_MAX_BODY: Final = 4096

#: Input layer number that stands for the model's (quantized) input itself.
INPUT_LAYER: Final = 0xFFFF


@dataclass(frozen=True)
class Field:
    """One field of a body. `type` is one of TYPES, or `TYPE[n]` for a fixed array."""

    name: str
    type: str
    doc: str


@dataclass(frozen=True)
class Message:
    """A request and its reply. `type` is stable for ever; a new meaning takes a new number."""

    type: int
    name: str
    doc: str
    request: tuple[Field, ...] = ()
    reply: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Enum:
    """Named numbers that travel in a field."""

    name: str
    doc: str
    values: tuple[tuple[str, int, str], ...] = field(default=())


#: Size in bytes of each fixed type.
TYPES: Final = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "u64": 8, "f32": 4}

ERROR_CODE = Enum(
    "ErrorCode",
    "Why a request was refused.",
    (
        ("BAD_FRAME", 1, "a frame failed its CRC, its COBS or its length; sequence number is 0"),
        ("UNKNOWN_TYPE", 2, "no such request; detail: the type"),
        ("BAD_LENGTH", 3, "the body is too short or too long; detail: the length expected"),
        ("BAD_ARGUMENT", 4, "a field is out of range; detail: its largest legal value"),
        ("INPUT_SIZE", 5, "the input is not of the model's size; detail: that size in bytes"),
        ("STAGING", 6, "the staging buffer does not hold these bytes; detail: its present CRC-32"),
        ("TOO_LARGE", 7, "more than the staging buffer or a frame holds; detail: what fits"),
        ("UNSUPPORTED", 8, "this firmware or model cannot do that; detail: 0"),
        ("INVOKE", 9, "the model returned an error; detail: its return value"),
        ("SENSOR", 10, "no sensor answers, or no such stream; detail: the running one, 0: none"),
    ),
)

ARITHMETIC = Enum(
    "Arithmetic",
    "The int8 arithmetic the device's model was built with.",
    (("TFLM_REFERENCE", 1, "TFLM's reference kernels: gemmlowp's double rounding"),),
)

DATA_FORM = Enum(
    "DataForm",
    "What the input bytes of a request are.",
    (
        ("INT8", 0, "the model's int8 input"),
        ("RAW", 1, "int16 sensor counts; the device does the preprocessing"),
        ("STAGED_INT8", 2, "as INT8, taken from the staging buffer; data is its CRC-32"),
        ("STAGED_RAW", 3, "as RAW, taken from the staging buffer; data is its CRC-32"),
    ),
)

RESET_CAUSE = Enum(
    "ResetCause",
    "Why the device last started.",
    (
        ("POWER_ON", 0, "power came on"),
        ("PIN", 1, "the reset pin"),
        ("SOFTWARE", 2, "a reset request"),
        ("FAULT", 3, "the fault handler; LAST_FAULT has the registers"),
        ("WATCHDOG", 4, "the watchdog"),
        ("OTHER", 5, "none of the above"),
        ("HANG", 6, "breaks on the line, while it hung; LAST_FAULT has the place"),
    ),
)

SENSOR_STATE = Enum(
    "SensorState",
    "What the motion sensor does.",
    (
        ("ABSENT", 0, "nobody answers on its bus, or another chip"),
        ("IDLE", 1, "there, and asleep"),
        ("RUNNING", 2, "takes samples"),
        ("TESTING", 3, "tests itself"),
        ("FAILED", 4, "it answered once, and does not any more"),
    ),
)

SENSOR_VERDICT = Enum(
    "SensorVerdict",
    "What the sensor's self-test said.",
    (
        ("UNTESTED", 0, "none was asked for"),
        ("UNDER_TEST", 1, "not yet known: ask again"),
        ("PASSED", 2, "every axis changed by what the limits allow"),
        ("NOT_PASSED", 3, "an axis did not, or the test was cut short"),
    ),
)

ENUMS = (ERROR_CODE, ARITHMETIC, DATA_FORM, RESET_CAUSE, SENSOR_STATE, SENSOR_VERDICT)

ERROR_BODY = (
    Field("request", "u8", "type of the request that was refused, 0 for a frame not understood"),
    Field("code", "u8", "an ErrorCode"),
    Field("detail", "u32", "a number that goes with the code"),
    Field("text", "str", "the reason, for people"),
)

_FORM = Field("form", "u8", "a DataForm: what `data` is")
_DATA = Field("data", "bytes", "the input, or the CRC-32 (u32) of the staged input")
_LAYER = Field("layer", "u16", "index into the layer table; 0xFFFF: the quantized input")

MESSAGES = (
    Message(
        0x01,
        "HELLO",
        "Who is there. The first two reply fields never change, in any version.",
        (Field("protocol", "u16", "the host's protocol version"),),
        (
            Field("protocol", "u16", "the device's protocol version"),
            Field("max_body", "u16", "largest body of a frame, either way, in bytes"),
            Field("credits", "u8", "requests that may be unanswered at once"),
            Field("arithmetic", "u8", "an Arithmetic"),
            Field("reset_cause", "u8", "a ResetCause"),
            Field("boot_id", "u32", "differs from one boot to the next"),
            Field("device_id", "u64", "the chip's unique number (0: none)"),
            Field("clock_hz", "u32", "core clock"),
            Field("staging_size", "u32", "bytes the staging buffer holds"),
            Field("input_size", "u32", "bytes of the int8 input"),
            Field("output_size", "u32", "bytes of the int8 output"),
            Field("raw_size", "u32", "bytes of a raw window; 0: no preprocessing on the device"),
            Field("input_scale", "f32", "real value of one step of the input"),
            Field("input_zero_point", "i32", "code of the real value 0"),
            Field("output_scale", "f32", "real value of one step of the output"),
            Field("output_zero_point", "i32", "code of the real value 0"),
            Field("layer_count", "u16", "entries of the layer table"),
            Field("model_hash", "u8[32]", "SHA-256 of the .tflite the model was emitted from"),
            Field(
                "firmware_hash",
                "u8[8]",
                "start of the SHA-256 of the firmware's sources (0: a sketch of somebody's own)",
            ),
            Field("names", "str", "board, model, firmware version, raw unit; NUL between"),
        ),
    ),
    Message(
        0x02,
        "DISCARD",
        "Only acknowledges: measures the link.",
        (Field("data", "bytes", "anything"),),
        (Field("size", "u32", "bytes received"),),
    ),
    Message(
        0x03,
        "STAGE",
        "Writes a piece of an input that is larger than a frame into the staging buffer.",
        (
            Field("offset", "u32", "where the piece goes"),
            Field("data", "bytes", "the piece"),
        ),
        (Field("size", "u32", "bytes the staging buffer holds"),),
    ),
    Message(
        0x10,
        "INFER",
        "One inference. The model's state is reset before it.",
        (_FORM, _DATA),
        (
            Field("cycles", "u32", "DWT cycles of the invocation, without preprocessing"),
            Field("input_crc", "u32", "CRC-32 of the int8 input the model got"),
            Field("output", "bytes", "the int8 output"),
        ),
    ),
    Message(
        0x20,
        "TAP",
        "One inference with a CRC-32 of every layer's output.",
        (Field("first", "u16", "first layer to report"), _FORM, _DATA),
        (
            Field("input_crc", "u32", "CRC-32 of the int8 input the model got"),
            Field("crcs", "bytes", "u32 per layer, as many as fit a frame"),
        ),
    ),
    Message(
        0x21,
        "READ_LAYER",
        "Runs the model up to a layer and returns a piece of that layer's output.",
        (
            _LAYER,
            Field("offset", "u32", "first byte wanted"),
            Field("length", "u16", "bytes wanted"),
            _FORM,
            _DATA,
        ),
        (Field("size", "u32", "bytes of the whole tensor"), Field("data", "bytes", "the piece")),
    ),
    Message(
        0x22,
        "RUN_LAYER",
        "Runs one layer alone, after a reset of its state, on inputs given one after the other.",
        (
            _LAYER,
            Field("offset", "u32", "first byte of the output wanted"),
            Field("length", "u16", "bytes wanted"),
            _FORM,
            Field("data", "bytes", "all the layer's inputs in table order, or their CRC-32"),
        ),
        (
            Field("size", "u32", "bytes of the whole output"),
            Field("crc", "u32", "CRC-32 of the whole output"),
            Field("data", "bytes", "the piece"),
        ),
    ),
    Message(
        0x23,
        "CYCLES",
        "One inference with the DWT cycles of every layer.",
        (Field("first", "u16", "first layer to report"), _FORM, _DATA),
        (
            Field("total", "u32", "cycles of all layers, with a stamp taken after each"),
            Field("cycles", "bytes", "u32 per layer, as many as fit a frame"),
        ),
    ),
    Message(
        0x24,
        "LAYER",
        "One entry of the layer table.",
        (_LAYER,),
        (
            Field("tensor", "u16", "index of the output tensor in the .tflite"),
            Field("input_size", "u32", "bytes of all inputs together"),
            Field("output_size", "u32", "bytes of the output"),
            Field("shape", "u16[4]", "shape of the output, unused places 0"),
            Field("names", "str", "name and operator, NUL between"),
        ),
    ),
    Message(
        0x30,
        "MEMORY",
        "Sizes as linked, and the high-water mark of the stack.",
        (),
        (
            Field("flash_used", "u32", "bytes of the image"),
            Field("ram_static", "u32", "bytes of .data and .bss, the model's arena included"),
            Field("arena", "u32", "bytes of the model's activations and scratch"),
            Field("stack_size", "u32", "bytes reserved for the stack"),
            Field("stack_peak", "u32", "bytes of it ever written"),
        ),
    ),
    Message(
        0x31,
        "LAST_FAULT",
        "The registers that were saved before a fault, or a hang, reset the device.",
        (),
        (
            Field("count", "u32", "faults and hangs since power-on; 0: the rest is void"),
            Field(
                "exception",
                "u32",
                "IPSR: 3 HardFault, 4 MemManage, 5 BusFault, 6 UsageFault; 14: a hang",
            ),
            Field("pc", "u32", "the instruction that faulted, or was next"),
            Field("lr", "u32", "return address"),
            Field("sp", "u32", "stack pointer before the exception"),
            Field("psr", "u32", "program status"),
            Field("cfsr", "u32", "configurable fault status"),
            Field("hfsr", "u32", "hard fault status"),
            Field("address", "u32", "MMFAR or BFAR where CFSR says it is valid, else 0"),
            Field("r", "u32[5]", "r0, r1, r2, r3, r12"),
        ),
    ),
    Message(
        0x32,
        "LINK",
        "What the device saw on the line since it started.",
        (),
        (
            Field("frames", "u32", "good frames received"),
            Field("bad_frames", "u32", "frames refused (CRC, COBS, length)"),
            Field("overruns", "u32", "bytes lost: receiver overrun or a full ring"),
            Field("line_errors", "u32", "framing, noise and break errors"),
        ),
    ),
    Message(
        0x38,
        "SENSOR",
        "The motion sensor: which, what it does, and what it has counted since the device started.",
        (),
        (
            Field("state", "u8", "a SensorState"),
            Field("id", "u8", "what its WHO_AM_I register said"),
            Field("accel_range", "u16", "of the accelerometer, ± g"),
            Field("gyro_range", "u16", "of the gyroscope, ± degrees per second"),
            Field("accel_unit", "f32", "g per count"),
            Field("gyro_unit", "f32", "rad/s per count"),
            Field("rate", "u32", "nominal samples in 1,000 seconds; the chip's own clock counts"),
            Field("fifo", "u16", "samples the chip holds"),
            Field("ring", "u16", "samples the device holds"),
            Field("stream", "u32", "the running stream, 0: none"),
            Field("taken", "u32", "samples of that stream so far"),
            Field("overruns", "u32", "times that the chip's FIFO ran over"),
            Field("bus_errors", "u32", "transfers that the chip did not answer"),
            Field("name", "str", "the chip"),
        ),
    ),
    Message(
        0x39,
        "SENSOR_START",
        "Begins a stream of samples, ending another one; one that runs already goes on.",
        (Field("stream", "u32", "a number of the host's choice, not 0: another one begins anew"),),
        (Field("stream", "u32", "the running stream"),),
    ),
    Message(
        0x3A,
        "SENSOR_STOP",
        "Ends a stream; one that does not run has ended.",
        (Field("stream", "u32", "the stream meant"),),
        (Field("stream", "u32", "the running stream, 0: none"),),
    ),
    Message(
        0x3B,
        "SENSOR_SAMPLES",
        "Samples of a stream from a number on, as many as are there and fit a frame.",
        (
            Field("stream", "u32", "the stream meant"),
            Field("first", "u32", "number of the first sample wanted"),
        ),
        (
            Field("first", "u32", "number of the first sample here; larger: those before are lost"),
            Field("taken", "u32", "samples of the stream so far: the number of the next one"),
            Field("breaks", "u32", "times that samples were lost before they had a number"),
            Field("gap", "u32", "number of the first sample after the last of these"),
            Field("data", "bytes", "per sample: u32 µs (taken out of the FIFO), i16[6] counts"),
        ),
    ),
    Message(
        0x3C,
        "SENSOR_TEST",
        "Begins a self-test, ending a stream, or says how the one of that number goes.",
        (Field("test", "u32", "a number of the host's choice, not 0"),),
        (
            Field("verdict", "u8", "a SensorVerdict"),
            Field("accel_unit", "f32", "g per count"),
            Field("gyro_unit", "f32", "degrees per second per count, in the test's range"),
            Field("off", "i16[6]", "mean of each value without the test's force, counts"),
            Field("on", "i16[6]", "the same with it"),
            Field("accel_limits", "f32[2]", "least and largest change that passes, g"),
            Field("gyro_limits", "f32[2]", "the same, degrees per second"),
        ),
    ),
    Message(
        0x3F,
        "RESET",
        "Restarts the device once the reply has left.",
        (Field("boot_id", "u32", "the boot meant to end; another one: replied, nothing done"),),
        (),
    ),
)


def fixed_size(fields: tuple[Field, ...]) -> int:
    """Return the bytes that the fields of fixed size take together."""
    return sum(field_size(f) for f in fields if f.type not in ("bytes", "str"))


def field_size(item: Field) -> int:
    """Return the bytes of one field of fixed size."""
    base, count = split_type(item.type)
    return TYPES[base] * count


def split_type(text: str) -> tuple[str, int]:
    """Return `u32[5]` as ("u32", 5), and `u32` as ("u32", 1)."""
    base, _, count = text.partition("[")
    return base, int(count.rstrip("]")) if count else 1


def snake(name: str) -> str:
    """Return `ErrorCode` as `error_code`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
