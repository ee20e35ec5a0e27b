"""The schema as `wire_schema.h`: numbers, sizes, enums, and what the server packs and unpacks."""

from __future__ import annotations

import textwrap

from hil.wire import schema
from hil.wire.schema import Enum, Field, Message, field_size, fixed_size, snake, split_type

_HEAD = """/* Messages of the wire protocol.
 * Generated from hil/wire/schema.py by `python -m hil.wire.emit`. */
#ifndef WIRE_SCHEMA_H
#define WIRE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

"""

_ACCESS = """
static inline uint8_t wire_get_u8(const uint8_t *in) {
    return in[0];
}

static inline uint16_t wire_get_u16(const uint8_t *in) {
    return (uint16_t)(in[0] | in[1] << 8);
}

static inline uint32_t wire_get_u32(const uint8_t *in) {
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static inline void wire_put_u8(uint8_t *out, uint8_t value) {
    out[0] = value;
}

static inline void wire_put_u16(uint8_t *out, uint16_t value) {
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static inline void wire_put_u32(uint8_t *out, uint32_t value) {
    wire_put_u16(out, (uint16_t)value);
    wire_put_u16(out + 2, (uint16_t)(value >> 16));
}

static inline void wire_put_i16(uint8_t *out, int16_t value) {
    wire_put_u16(out, (uint16_t)value);
}

static inline void wire_put_i32(uint8_t *out, int32_t value) {
    wire_put_u32(out, (uint32_t)value);
}

static inline void wire_put_u64(uint8_t *out, uint64_t value) {
    wire_put_u32(out, (uint32_t)value);
    wire_put_u32(out + 4, (uint32_t)(value >> 32));
}

static inline void wire_put_f32(uint8_t *out, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_put_u32(out, bits);
}
"""

_TAIL = """
#ifdef __cplusplus
}
#endif

#endif
"""

#: As clang-format breaks lines (.clang-format).
COLUMNS = 100

_C_TYPES = {
    "u8": "uint8_t",
    "i8": "int8_t",
    "u16": "uint16_t",
    "i16": "int16_t",
    "u32": "uint32_t",
    "i32": "int32_t",
    "u64": "uint64_t",
    "f32": "float",
}


def c_source() -> str:
    """Return the text of firmware/lib/wire/wire_schema.h."""
    messages = "".join(_message(m) for m in schema.MESSAGES)
    error = Message(schema.ERROR_TYPE, "ERROR", "A request, or a frame, was refused.")
    refused = _comment(error.doc) + _define("WIRE_ERROR", f"0x{error.type:02X}u")
    refused += _body(error, "reply", schema.ERROR_BODY)
    enums = "".join(_enum(e) for e in schema.ENUMS)
    return _HEAD + _constants() + enums + _ACCESS + messages + refused + _TAIL


def _define(name: str, value: object) -> str:
    return f"#define {name} {value}\n"


def _comment(text: str, indent: str = "") -> str:
    lines = textwrap.wrap(text, 92 - len(indent))
    return (
        "\n".join(
            f"{indent}{'/*' if i == 0 else ' *'} {line}" + (" */" if i == len(lines) - 1 else "")
            for i, line in enumerate(lines)
        )
        + "\n"
    )


def _constants() -> str:
    values = (
        ("PROTOCOL_VERSION", f"{schema.PROTOCOL_VERSION}"),
        ("REPLY_BIT", f"0x{schema.REPLY_BIT:02X}u"),
        ("HEADER_SIZE", f"{schema.HEADER_SIZE}u"),
        ("TRAILER_SIZE", f"{schema.TRAILER_SIZE}u"),
        ("MAX_BODY", f"{schema.MAX_BODY}u"),
        ("CREDITS", f"{schema.CREDITS}u"),
        ("INPUT_LAYER", f"0x{schema.INPUT_LAYER:04X}u"),
    )
    return "".join(_define(f"WIRE_{name}", value) for name, value in values)


def _enum(enum: Enum) -> str:
    name = f"wire_{snake(enum.name)}"
    values = "".join(
        _comment(doc, "    ") + f"    {name.upper()}_{value} = {number},\n"
        for value, number, doc in enum.values
    )
    return f"\n{_comment(enum.doc)}enum {name} {{\n{values}}};\n"


def _message(message: Message) -> str:
    text = f"\n{_comment(message.doc)}" + _define(f"WIRE_{message.name}", f"0x{message.type:02X}u")
    request = _body(message, "request", message.request)
    gap = "\n" if request.endswith("}\n") else ""
    return text + request + gap + _body(message, "reply", message.reply)


def _body(message: Message, kind: str, fields: tuple[Field, ...]) -> str:
    """Return the size of the fixed fields, and a struct with what the server does with it."""
    name = f"wire_{message.name.lower()}_{kind}"
    text = _define(f"{name.upper()}_SIZE", f"{fixed_size(fields)}u")
    if kind == "request":
        text += _define(
            f"{name.upper()}_TAIL", int(any(f.type in ("bytes", "str") for f in fields))
        )
    fixed = [f for f in fields if f.type not in ("bytes", "str")]
    if not fixed:
        return text
    members = "".join(_comment(f.doc, "    ") + f"    {_declare(f)};\n" for f in fixed)
    text += f"\nstruct {name} {{\n{members}}};\n\n"
    return text + (_unpack(name, fixed) if kind == "request" else _pack(name, fixed))


def _declare(field: Field) -> str:
    base, count = split_type(field.type)
    return f"{_C_TYPES[base]} {field.name}" + (f"[{count}]" if count > 1 else "")


def _unpack(name: str, fields: list[Field]) -> str:
    lines, offset = [], 0
    for field in fields:
        lines.append(f"    v.{field.name} = wire_get_{field.type}({_at('in', offset)});\n")
        offset += field_size(field)
    head = f"static inline struct {name} {name}_unpack(const uint8_t *in) {{"
    if len(head) > COLUMNS:
        head = head.replace(f" {name}_unpack", f"\n{name}_unpack")
    return f"{head}\n    struct {name} v;\n{''.join(lines)}    return v;\n}}\n"


def _pack(name: str, fields: list[Field]) -> str:
    lines, offset = [], 0
    for field in fields:
        lines.append(_pack_field(field, offset))
        offset += field_size(field)
    head = f"static inline void {name}_pack(uint8_t *out, const struct {name} *v) {{"
    if len(head) > COLUMNS:
        head = head.replace("out, ", "out,\n" + " " * (head.index("(") + 1))
    return f"{head}\n{''.join(lines)}}}\n"


def _pack_field(field: Field, offset: int) -> str:
    base, count = split_type(field.type)
    target, source = _at("out", offset), f"v->{field.name}"
    if count == 1:
        return f"    wire_put_{base}({target}, {source});\n"
    if base == "u8":
        return f"    memcpy({target}, {source}, sizeof {source});\n"
    step = schema.TYPES[base]
    return (
        f"    for (size_t i = 0; i < {count}; i++) {{\n"
        f"        wire_put_{base}({target} + {step} * i, {source}[i]);\n    }}\n"
    )


def _at(pointer: str, offset: int) -> str:
    return f"{pointer} + {offset}" if offset else pointer
