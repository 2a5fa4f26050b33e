"""Columns that pick from values that somebody listed: `options`, in the schema or in a file. Functions only.

Source: confluentinc/avro-random-generator, README, "options"; Apache Avro 1.11 specification, "JSON Encoding".
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from connect.api import ConfigError, read_file
from connect_datagen import binary, dates
from connect_datagen.avro import AvroProblem, AvroType, check
from connect_datagen.columns import Column, pick
from connect_datagen.counting import decimal_bounds
from connect_datagen.properties import exact, shown

#: The largest file of options that is read.
FILE_BYTES_MAX: Final = 16 << 20
_FILE: Final = 'options must be a list that is not empty, or {"file": …, "encoding": "json" or "binary"}'
_SPACE: Final = " \t\r\n"
_DIGITS: Final = re.compile(r"[-+]?[0-9]{1,4000}(\.[0-9]{1,4000})?")


def options(avro: AvroType) -> Column:
    """Return the column of a type of which somebody listed the values. Blocks where they are in a file.

    Raises:
        AvroProblem: None are listed, one does not fit the type, or the file cannot be read.
    """
    listed = avro.properties["options"]
    values = _of_file(avro, listed) if isinstance(listed, dict) else _listed(avro, listed)
    for value in values:
        check(avro, value, "options")
    return pick(values)


def _listed(avro: AvroType, listed: Any) -> list[Any]:
    if not isinstance(listed, list) or not listed:
        raise AvroProblem(_FILE, avro.path)
    return [valued(avro, option) for option in listed]


def _of_file(avro: AvroType, declared: dict[str, Any]) -> list[Any]:
    file, encoding = declared.get("file"), declared.get("encoding")
    if declared.keys() != {"file", "encoding"} or not isinstance(file, str) or encoding not in ("json", "binary"):
        raise AvroProblem(_FILE, avro.path)
    try:
        data = read_file(file, max_bytes=FILE_BYTES_MAX)
        values = binary.values(avro, data) if encoding == "binary" else _texts(avro, data.decode("utf-8-sig"))
    except OSError as error:
        raise AvroProblem(f"options: file {file!r} cannot be read: {error.strerror or error}", avro.path) from error
    except ConfigError as error:
        raise AvroProblem(f"options: {error.message}", avro.path) from error
    except UnicodeDecodeError as error:
        raise AvroProblem(f"options: file {file!r} is not UTF-8 text: {error.reason}", avro.path) from error
    except binary.Malformed as error:
        raise AvroProblem(f"options: file {file!r} does not hold Avro of this type: {error}", avro.path) from error
    if not values:
        raise AvroProblem(f"options: file {file!r} is empty", avro.path)
    return values


def _texts(avro: AvroType, text: str) -> list[Any]:
    """Return the values of a text with one JSON value after the other, on lines or not."""
    decoder, at, text = json.JSONDecoder(), 0, text.rstrip(_SPACE)
    values: list[Any] = []
    while at < len(text):
        while text[at] in _SPACE:
            at += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise AvroProblem(
                f"options: value {len(values) + 1} of the file is not JSON: {error}", avro.path
            ) from error
        values.append(valued(avro, value, encoded=True))
    return values


def valued(avro: AvroType, option: Any, *, encoded: bool = False) -> Any:
    """Return the value of an option: as Avro writes it in JSON, with numbers for dates, and unions without a type.

    Args:
        encoded: Whether Avro wrote it, and a decimal's text is bytes; where people do, it is the number in digits.

    Raises:
        AvroProblem: It is no value of the type, as far as making it shows; `check` says the rest.
    """
    if dates.is_date(avro):
        return dates.converted(avro, option)
    if avro.logical == "decimal":
        return _decimal(avro, option, encoded=encoded)
    match avro.kind:
        case "float" | "double" if isinstance(option, int) and not isinstance(option, bool):
            return float(option) if abs(option) < 1 << 1023 else option
        case "bytes" | "fixed" if isinstance(option, str):
            return _bytes(avro, option)
        case "enum" if option not in avro.symbols:
            raise AvroProblem(f"options: {shown(option)} is none of the symbols {', '.join(avro.symbols)}", avro.path)
        case "record" if isinstance(option, dict):
            return _record(avro, option, encoded=encoded)
        case "optional" if option is not None:
            return valued(_items(avro), _without_type(_items(avro), option), encoded=encoded)
        case "union" if option is not None:
            return _member(avro, option, encoded=encoded)
        case "array" if isinstance(option, list):
            return [valued(_items(avro), item, encoded=encoded) for item in option]
        case "map" if isinstance(option, dict):
            return {key: valued(_items(avro), item, encoded=encoded) for key, item in option.items()}
    return option


def _record(avro: AvroType, option: dict[str, Any], *, encoded: bool) -> dict[str, Any]:
    assert avro.fields is not None
    defaults = {name: default for name, default in avro.defaults.items() if name not in option}
    unknown, missing = option.keys() - avro.fields.keys(), avro.fields.keys() - option.keys() - defaults.keys()
    if unknown or missing:
        what = f"has no field {min(unknown)!r}" if unknown else f"has a field {min(missing)!r} that the option lacks"
        raise AvroProblem(f"options: the record {what}", avro.path)
    return {
        name: valued(field, defaults[name] if name in defaults else option[name], encoded=encoded or name in defaults)
        for name, field in avro.fields.items()
    }


def _member(avro: AvroType, option: Any, *, encoded: bool) -> dict[str, Any]:
    """Return the value of a union: a struct with the one member that is set."""
    assert avro.branches is not None
    full = {branch.schema.name: branch for branch in avro.branches.values() if branch.schema.name is not None}
    named = {**full, **avro.branches}
    if isinstance(option, dict) and len(option) == 1 and next(iter(option)) in named:
        (name,) = option
        chosen, option = named[name], option[name]
        branches = [(name, branch) for name, branch in avro.branches.items() if branch is chosen]
    else:
        branches = list(avro.branches.items())
    for name, branch in branches:
        try:
            value = valued(branch, option, encoded=encoded)
            check(branch, value, "options")
        except AvroProblem:
            if len(branches) == 1:
                raise
            continue  # another branch may have it
        return {**dict.fromkeys(avro.branches), name: value}
    raise AvroProblem(f"options: {shown(option)} is none of {', '.join(avro.branches)}", avro.path)


def _bytes(avro: AvroType, option: str) -> bytes:
    """Return the bytes of a text with a character a byte."""
    try:
        data = option.encode("latin-1")
    except UnicodeEncodeError as error:
        what = "has a character above U+00FF, which is no byte"
        raise AvroProblem(f"options: {shown(option)} {what}", avro.path) from error
    if avro.kind == "fixed" and len(data) != avro.size_bytes:
        raise AvroProblem(f"options: {shown(option)} has {len(data)} bytes, not {avro.size_bytes}", avro.path)
    return data


def _decimal(avro: AvroType, option: Any, *, encoded: bool) -> Decimal:
    """Return the decimal of a number, or of what stands for one in a text."""
    low, high = decimal_bounds(avro)
    if isinstance(option, str):
        unscaled = _unscaled_of_bytes(avro, option) if encoded else _unscaled_of_digits(avro, option)
    else:
        unscaled = Fraction(exact(avro, option)) * 10**avro.scale
    if unscaled is None or unscaled.denominator != 1 or not low <= unscaled < high:
        what = f"decimal of {avro.precision} digits, {avro.scale} of them behind the point"
        raise AvroProblem(f"options: {shown(option)} is no {what}", avro.path)
    return binary.decimal_of(avro, int(unscaled))


def _unscaled_of_bytes(avro: AvroType, option: str) -> Fraction:
    return Fraction(int.from_bytes(_bytes(avro, option), "big", signed=True))


def _unscaled_of_digits(avro: AvroType, option: str) -> Fraction | None:
    return Fraction(option) * 10**avro.scale if _DIGITS.fullmatch(option) else None


def _items(avro: AvroType) -> AvroType:
    assert avro.items is not None
    return avro.items


def _without_type(avro: AvroType, option: Any) -> Any:
    """Take the type off that Avro writes around a member of a union: {"string": "a"}."""
    if not isinstance(option, dict) or len(option) != 1:
        return option
    ((name, inner),) = option.items()
    match avro.kind:
        case "record":
            is_type = name == avro.schema.name and name not in (avro.fields or {})
        case "map":  # {"map": 1} is a map by itself where its values are numbers
            is_type = name == "map" and isinstance(inner, dict) and _items(avro).kind not in ("map", "record", "union")
        case _:
            is_type = name in (avro.kind, avro.schema.name)
    return inner if is_type else option
