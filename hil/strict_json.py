"""Untrusted JSON read into frozen dataclasses: bounded, typed, no unknown keys."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from hil.errors import InputError, clean
from hil.files import read_file, write_file

T = TypeVar("T")

#: A run record of 1,000 windows is about 2 MB; nothing the project writes comes near this.
MAX_FILE_BYTES = 64 * 2**20


def read_json(path: Path) -> Any:
    """Return the parsed content of `path`. Raises InputError naming the file and the reason."""
    data = read_file(path, MAX_FILE_BYTES)
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {clean(str(error))}") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def from_json(cls: type[T], value: Any, where: str) -> T:
    """Build dataclass `cls` from parsed JSON, checking every type; errors say `where`.

    Understands str, int, float, bool, None, nested dataclasses, tuple[X, ...], dict[str, X],
    Literal, `X | None` and Any. Raises InputError on an unknown or missing key and on a wrong type.
    """
    result: T = _convert(cls, value, where)
    return result


def _convert(kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911 - one line a type
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _convert_dataclass(typing.cast(type, kind), value, where)
    if origin is tuple:
        _expect(isinstance(value, list), "a list", value, where)
        return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin in (dict, Mapping):
        _expect(isinstance(value, dict), "an object", value, where)
        return {k: _convert(args[1], v, f"{where}.{clean(k, 40)}") for k, v in value.items()}
    if origin is typing.Literal:
        _expect(value in args, f"one of {', '.join(map(str, args))}", value, where)
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(next(a for a in args if a is not type(None)), value, where)
    if kind is float:
        _expect(type(value) in (int, float), "a number", value, where)
        # JSON knows no infinity, but 1e999 becomes one, and such integers do not convert at all.
        _expect(abs(value) <= sys.float_info.max, "a finite number", value, where)
        return float(value)
    _expect(type(value) is kind, f"of type {kind.__name__}", value, where)
    if kind is int:
        _expect(abs(value) < 2**63, "a number of 64 bits", value, where)
    return value


def _convert_dataclass(cls: type, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), "an object", value, where)
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise InputError(f"{where}: unknown key {clean(unknown[0], 40)!r}")
    for name, item in fields.items():
        required = (
            item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        )
        if required and name not in value:
            raise InputError(f"{where}: missing key {name!r}")
    return cls(**{k: _convert(hints[k], v, f"{where}.{k}") for k, v in value.items()})


def _expect(condition: bool, wanted: str, value: Any, where: str) -> None:
    if not condition:
        raise InputError(f"{where}: must be {wanted}, is {clean(repr(value), 40)}")


def to_json(value: Any) -> Any:
    """Return a dataclass (or list, tuple, dict of them) as plain JSON data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(v) for v in value]
    return value


def write_json(path: Path, value: Any) -> None:
    """Write `value` (dataclasses allowed) to `path`, whole or not at all. Raises InputError."""
    write_file(
        path, json.dumps(to_json(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )
