"""Text as the value it looks like: numbers, truth, dates, lists, maps; what is nothing else stays text.

Reading is as lax as Kafka's, since headers written by its workers must mean the same here: lists and maps need few
commas, a list of mixed numbers takes the widest type, and one of nothing in common has no schema for its items.

Source: Kafka 4.3.1, Values.java.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from connect.api import BOOLEAN, FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, STRING, DataError, Schema, SchemaType
from connect.api.java import to_double, to_single
from connect.api.values.casts import cast, decimal_of
from connect.api.values.dates import parse_iso
from connect.api.values.tokens import BLANK, Tokens

Parsed = tuple[Schema | None, Any] | None

_LITERALS: Final[dict[str, Parsed]] = {"null": None, "true": (BOOLEAN, True), "false": (BOOLEAN, False)}
_LITERAL_LETTERS: Final = frozenset("ntf")
_OPENERS: Final = frozenset("+-[{")
_INTS: Final = tuple(
    (-(1 << bits - 1), 1 << bits - 1, schema) for bits, schema in ((8, INT8), (16, INT16), (32, INT32), (64, INT64))
)
_WIDENING: Final = (
    SchemaType.INT8,
    SchemaType.INT16,
    SchemaType.INT32,
    SchemaType.INT64,
    SchemaType.FLOAT32,
    SchemaType.FLOAT64,
)
_INFINITY: Final = float("inf")


def parse(text: str) -> Parsed:
    """Return the schema and value that a text stands for; what is nothing else is text. None for `null`."""
    if not text or (
        ord(text[0]) > 32 and text[0] not in _OPENERS and not text[0].isdecimal() and text.strip(BLANK) not in _LITERALS
    ):
        return STRING, text  # as most headers are
    if text.isascii() and text.isdigit() and len(text) < 19:
        return _whole(int(text))
    return _parse(Tokens(text), inside=False)


def _parse(tokens: Tokens, *, inside: bool) -> Parsed:
    if not tokens.more:
        return None
    if inside and tokens.take('"'):
        return _quoted(tokens)
    if tokens.begins() in _LITERAL_LETTERS:
        for literal, found in _LITERALS.items():
            start = tokens.mark()
            if tokens.take(literal) and (inside or not tokens.more):
                return found
            tokens.rewind(start)
    start = tokens.mark()
    try:
        if tokens.take("["):
            return _array(tokens)
        if tokens.take("{"):
            return _map(tokens)
    except DataError:
        tokens.rewind(start)  # no list or map after all
    return _scalar(tokens, inside=inside)


# -- scalars -------------------------------------------------------------------------------------------------------


def _quoted(tokens: Tokens) -> Parsed:
    content = ""
    while tokens.more and not tokens.take('"'):
        content += tokens.next()
    try:
        return parse_iso(content) or (STRING, content)
    except DataError:
        return STRING, content


def _scalar(tokens: Tokens, *, inside: bool) -> Parsed:
    token = tokens.next()
    if not token.strip(BLANK):
        return STRING, token
    token = token.strip(BLANK)
    if token[0].isdecimal():
        try:
            found = _temporal(tokens, token)
        except DataError:
            if inside:
                raise
            return STRING, tokens.text  # a time or date that Python has no value for, and no number either
        if found is not None:
            return found
    exact = decimal_of(token) if token[0].isdecimal() or token[0] in "+-" else None
    if exact is not None:
        return _number(exact)
    if inside:
        raise DataError("Failed to parse embedded value")
    return STRING, tokens.text


def _temporal(tokens: Tokens, token: str) -> Parsed:
    # The colons of a time are delimiters, so it comes in five tokens.
    mark = tokens.mark()
    rest = tokens.next_four()
    found = parse_iso(token + rest) if rest is not None else None
    if found is not None:
        return found
    tokens.rewind(mark)
    return parse_iso(token)


def _number(exact: Decimal) -> Parsed:
    """Return the narrowest type: whole numbers by width, others as float32 unless that overflows."""
    if exact.is_zero() or (0 <= exact.adjusted() < 20 and exact == exact.to_integral_value()):
        found = _whole(int(exact))
        if found is not None:
            return found
    scale = -int(exact.as_tuple().exponent)
    if scale != 0:
        if abs(single := to_single(exact)) != _INFINITY:
            return FLOAT32, single
        if abs(double := to_double(exact)) != _INFINITY:
            return FLOAT64, double
    return Schema.decimal(scale), exact


def _whole(number: int) -> Parsed:
    return next(((schema, number) for low, high, schema in _INTS if low <= number < high), None)


# -- lists and maps ------------------------------------------------------------------------------------------------


class _Common:
    """The schema that all items have in common so far. Nulls have a part in any; once there is none, there is none."""

    def __init__(self) -> None:
        self.schema: Schema | None = None
        self._possible = True

    def add(self, item: Parsed) -> None:
        new = item[0] if item is not None else None
        if new is None or not self._possible:
            return
        self.schema = new if self.schema is None else _wider(self.schema, new)
        self._possible = self.schema is not None


def _wider(previous: Schema, new: Schema) -> Schema | None:
    if previous.type is new.type:
        return new  # as in Kafka the last one's name and members win
    if previous.type in _WIDENING and new.type in _WIDENING:
        return max(previous, new, key=lambda schema: _WIDENING.index(schema.type))
    return None


def _array(tokens: Tokens) -> Parsed:
    items: list[Any] = []
    common = _Common()
    while tokens.more:
        if tokens.take("]"):
            if common.schema is not None:
                items = [cast(common.schema, item) for item in items]
            return Schema.array(common.schema), items
        if tokens.take(","):
            raise DataError(f"Unable to parse an empty array element: {tokens.text}")
        item = _parse(tokens, inside=True)
        common.add(item)
        items.append(None if item is None else item[1])
        mark = tokens.mark()
        if tokens.take("]"):
            tokens.rewind(mark)
        elif not tokens.take(","):
            raise DataError("Array elements missing ',' delimiter")
    raise DataError(f"Array is missing terminating ']': {tokens.text}")


def _map(tokens: Tokens) -> Parsed:
    entries: dict[Any, Any] = {}
    kinds: dict[Any, type] = {}  # Python has one key for 1 and true
    keys, values = _Common(), _Common()
    while tokens.more:
        if tokens.take("}"):
            return _aligned(keys.schema, values.schema, entries)
        if tokens.take(","):
            raise DataError(f"Unable to parse a map entry with no key or value: {tokens.text}")
        key = _parse(tokens, inside=True)
        if key is None or key[1] is None:
            raise DataError(f"Map entry may not have a null key: {tokens.text}")
        if not tokens.take(":"):
            raise DataError(f"Map entry is missing ':' in {tokens.text}")
        value = _parse(tokens, inside=True)
        if isinstance(key[1], list | dict) or kinds.setdefault(key[1], type(key[1])) is not type(key[1]):
            raise DataError(f"A list or a map cannot be a key, nor can both 1 and true: {tokens.text}")
        entries[key[1]] = None if value is None else value[1]
        tokens.take(",")
        keys.add(key)
        values.add(value)
    raise DataError(f"Map is missing terminating '}}': {tokens.text}")


def _aligned(keys: Schema | None, values: Schema | None, entries: dict[Any, Any]) -> Parsed:
    if keys is None:
        return Schema.map(None, None), entries
    if values is None:
        return Schema.map(keys, None), {cast(keys, key): value for key, value in entries.items()}
    return Schema.map(keys, values), {cast(keys, key): cast(values, value) for key, value in entries.items()}
