"""What stands in `arg.properties`, read and checked: objects with named members, and numbers. Functions only."""

from __future__ import annotations

import decimal
import math
from collections.abc import Mapping
from typing import Any, Final

from connect_datagen.avro import AvroProblem, AvroType

_SHOWN: Final = 80


def members(avro: AvroType, name: str, known: frozenset[str]) -> Mapping[str, Any]:
    """Return the members of a property that is an object; none where it is not given.

    Raises:
        AvroProblem: It is no object, or has other members than the known ones.
    """
    declared = avro.properties.get(name, {})
    if not isinstance(declared, dict) or declared.keys() - known:
        raise AvroProblem(f"{name} must be an object with {', '.join(sorted(known))}", avro.path)
    return declared


def shown(value: Any) -> str:
    """Return what somebody wrote, for a message: not a file's worth of it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def whole(avro: AvroType, value: Any) -> int:
    """Return a whole number.

    Raises:
        AvroProblem: It is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise AvroProblem(f"expected a whole number, found {shown(value)}", avro.path)


def exact(avro: AvroType, value: Any) -> decimal.Decimal:
    """Return a number as it was written: 0.1 is a tenth.

    Raises:
        AvroProblem: It is none, or not finite.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return decimal.Decimal(value)
    if isinstance(value, float) and math.isfinite(value):
        return decimal.Decimal(repr(value))
    raise AvroProblem(f"expected a number, found {shown(value)}", avro.path)


def number(avro: AvroType, value: Any) -> float:
    """Return a number as a float.

    Raises:
        AvroProblem: It is none, or larger than any float.
    """
    found = float(exact(avro, value))
    if math.isinf(found):
        raise AvroProblem(f"a number of {len(str(value))} digits is larger than any {avro.kind}", avro.path)
    return found
