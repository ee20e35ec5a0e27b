"""The schema as PROTOCOL.md's tables, each between two markers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hil.errors import InputError
from hil.wire import schema
from hil.wire.schema import Field
from hil.wire.states import TRANSITIONS


def tables() -> dict[str, str]:
    """Return the Markdown of each table by its marker's name."""
    return {
        "constants": _constants(),
        "enums": "\n".join(_enum(e) for e in schema.ENUMS),
        "messages": "\n".join(_message(m) for m in schema.MESSAGES),
        "error": _fields(schema.ERROR_BODY),
        "states": _states(),
    }


def fill(text: str) -> str:
    """Return PROTOCOL.md's text with the content between its markers replaced.

    Raises InputError when a marker is missing, so that no table can go stale unnoticed.
    """
    for name, table in tables().items():
        pattern = re.compile(rf"(<!-- {name}: generated -->\n).*?(<!-- end -->)", re.DOTALL)
        text, found = pattern.subn(lambda m, t=table: f"{m[1]}\n{t}\n{m[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise InputError(f"PROTOCOL.md: marker '<!-- {name}: generated -->' must be there once")
    return text


def _rows(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _constants() -> str:
    rows = [
        ("protocol version", f"{schema.PROTOCOL_VERSION}"),
        ("bit of a reply's type", f"0x{schema.REPLY_BIT:02X}"),
        ("type of ERROR", f"0x{schema.ERROR_TYPE:02X}"),
        ("bytes before a body", f"{schema.HEADER_SIZE}"),
        ("bytes after a body", f"{schema.TRAILER_SIZE}"),
        ("largest body of this project's firmware", f"{schema.MAX_BODY}"),
        ("credits of this project's firmware", f"{schema.CREDITS}"),
        ("largest body this project's host takes", f"{schema.HOST_MAX_BODY}"),
    ]
    return _rows(("what", "value"), rows)


def _enum(enum: schema.Enum) -> str:
    rows = [(str(number), f"`{name}`", doc) for name, number, doc in enum.values]
    return f"**{enum.name}**: {enum.doc}\n\n" + _rows(("value", "name", "meaning"), rows)


def _states() -> str:
    rows = [(a.name, event.name, b.name) for (a, event), b in TRANSITIONS.items()]
    return _rows(("state", "event", "next state"), rows)


def _fields(fields: tuple[Field, ...]) -> str:
    return _rows(("field", "type", "meaning"), [(f"`{f.name}`", f.type, f.doc) for f in fields])


def _message(message: schema.Message) -> str:
    text = f"### {message.name} (0x{message.type:02X})\n\n{message.doc}\n\n"
    for kind, fields in (("Request", message.request), ("Reply", message.reply)):
        text += f"{kind}:" + (f"\n\n{_fields(fields)}\n" if fields else " empty.\n\n")
    return text.rstrip("\n") + "\n"
