"""Faker's providers, as pools that are drawn once. A Faker value costs 30-170 µs, picking one from a pool 0.1 µs."""

from __future__ import annotations

import datetime as dt
import decimal
import difflib
import random
from collections.abc import Mapping
from typing import Any, Final

from connect_datagen.avro import AvroProblem, AvroType, check

#: Distinct draws of one field; more records repeat them.
POOL_COUNT: Final = 1000


def pool(avro: AvroType, declared: Any, rng: random.Random, count: int = POOL_COUNT) -> list[Any]:
    """Draw a pool of values for a field.

    Args:
        declared: A provider's name, or `{"provider": …, "args": {…}, "locale": …}`.

    Raises:
        AvroProblem: No such provider or locale, wrong arguments, or values that do not fit the field's type.
    """
    from faker import Faker  # takes 0.2 s, which only schemas with faker fields shall cost

    name, arguments, locale = _declaration(avro, declared)
    try:
        faker = Faker(locale)
    except AttributeError as error:
        raise AvroProblem(f"faker: {error}", avro.path) from error
    faker.seed_instance(rng.getrandbits(63))
    names = _provider_names(faker)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        raise AvroProblem(
            f"faker has no provider {name!r}" + (f"; the nearest is {near[0]!r}" if near else ""), avro.path
        )
    draw = getattr(faker, name)
    try:
        values = [_fitting(avro, draw(**arguments)) for _ in range(count)]
    except AvroProblem:
        raise
    except Exception as error:  # whatever a provider raises, its arguments are the cause
        raise AvroProblem(f"faker provider {name!r}: {error}", avro.path) from error
    for value in values:
        check(avro, value, f"faker provider {name!r}")
    return values


def _declaration(avro: AvroType, declared: Any) -> tuple[str, Mapping[str, Any], str | None]:
    if isinstance(declared, str):
        return declared, {}, None
    if isinstance(declared, dict) and isinstance(declared.get("provider"), str):
        unknown = sorted(declared.keys() - {"provider", "args", "locale"})
        arguments, locale = declared.get("args", {}), declared.get("locale")
        if not unknown and isinstance(arguments, dict) and isinstance(locale, str | None):
            return declared["provider"], arguments, locale
    raise AvroProblem('faker must be a provider\'s name or {"provider": …, "args": {…}, "locale": …}', avro.path)


def _provider_names(faker: Any) -> list[str]:
    """Return the methods of Faker's providers; not Faker's own, such as `add_provider` or `seed`."""
    names: set[str] = set()
    for provider in faker.get_providers():
        names.update(n for n in dir(provider) if not n.startswith("_") and callable(getattr(provider, n)))
    return sorted(names)


def _fitting(avro: AvroType, value: Any) -> Any:
    """Bring a drawn value into the field's type where that is plain."""
    if avro.kind == "string" and not isinstance(value, str):
        return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)
    if avro.kind in ("float", "double") and isinstance(value, int | decimal.Decimal) and not isinstance(value, bool):
        return float(value)
    if avro.logical == "timestamp-millis" and isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return aware.replace(microsecond=aware.microsecond // 1000 * 1000)
    return value
