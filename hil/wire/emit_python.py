"""The schema as `messages.py`: one frozen dataclass per body, one IntEnum per enum."""

from __future__ import annotations

import textwrap

from hil.wire.schema import (
    ENUMS,
    ERROR_BODY,
    ERROR_TYPE,
    MESSAGES,
    REPLY_BIT,
    Enum,
    Field,
    Message,
    split_type,
)

_STRUCT = {
    "u8": "B",
    "i8": "b",
    "u16": "H",
    "i16": "h",
    "u32": "I",
    "i32": "i",
    "u64": "Q",
    "f32": "f",
}

_HEAD = '''"""Messages of the wire protocol.

Generated from hil/wire/schema.py by `python -m hil.wire.emit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from hil.wire.codec import Body, Layout

'''


def python_source() -> str:
    """Return the text of hil/wire/messages.py."""
    parts = [_types(), *(_enum(e) for e in ENUMS)]
    for message in MESSAGES:
        parts.append(_body(message, "Request", message.type, message.request))
        parts.append(_body(message, "Reply", message.type | REPLY_BIT, message.reply))
    error = Message(ERROR_TYPE, "ERROR", "A request, or a frame, was refused.")
    parts.append(_body(error, "Reply", ERROR_TYPE, ERROR_BODY))
    return _HEAD + "\n" + "\n\n".join(parts)


def camel(name: str) -> str:
    """Return `READ_LAYER` as `ReadLayer`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _comment(text: str) -> str:
    return textwrap.indent(textwrap.fill(text, 92), "    #: ") + "\n"


def _types() -> str:
    values = "".join(f"    {m.name} = 0x{m.type:02X}\n" for m in MESSAGES)
    return f'class MessageType(IntEnum):\n    """Types of the requests."""\n\n{values}'


def _enum(enum: Enum) -> str:
    values = "".join(f"{_comment(doc)}    {name} = {n}\n" for name, n, doc in enum.values)
    return f'class {enum.name}(IntEnum):\n    """{enum.doc}"""\n\n{values}'


def _body(message: Message, kind: str, number: int, fields: tuple[Field, ...]) -> str:
    lines = "".join(f"{_comment(f.doc)}    {f.name}: {_python_type(f)}\n" for f in fields)
    what = f"{kind} {message.name}. {message.doc}"
    return (
        f"@dataclass(frozen=True)\nclass {camel(message.name)}{kind}(Body):\n"
        + textwrap.indent(textwrap.fill(f'"""{what}"""', 92), "    ")
        + f'\n\n    TYPE = 0x{number:02X}\n    NAME = "{message.name}"\n'
        + f"    LAYOUT = {_layout(fields)}\n"
        + (f"\n{lines}" if lines else "")
    )


def _layout(fields: tuple[Field, ...]) -> str:
    fixed = " ".join(_code(f) for f in fields if f.type not in ("bytes", "str"))
    tail = next((f.type for f in fields if f.type in ("bytes", "str")), None)
    return f'Layout("{fixed}", "{tail}")' if tail else f'Layout("{fixed}")'


def _code(field: Field) -> str:
    base, count = split_type(field.type)
    if count == 1:
        return _STRUCT[base]
    return f"{count}{'s' if base == 'u8' else _STRUCT[base]}"


def _python_type(field: Field) -> str:
    if field.type in ("bytes", "str"):
        return field.type
    base, count = split_type(field.type)
    if count > 1:
        return "bytes" if base == "u8" else "tuple[int, ...]"
    return "float" if base == "f32" else "int"
