"""Conditions on letters: `code = data.constraint and column = email and not (value.country in (US, CA))`.

    condition := all ("or" all)*           all := one ("and" one)*
    one       := "not" one | "(" condition ")" | FIELD OPERATOR VALUE | FIELD "in" "(" VALUE ("," VALUE)* ")"
    operator  := = != < <= > >= ~          (~: contains)

A value is a word, or text in single or double quotes with `\\` before a quote or a backslash. Numbers are compared as
numbers where both sides are some, times as times; else texts. A field that a letter lacks equals nothing: with it, `!=`
and `not` hold and all else does not. Nothing is evaluated: a condition is a small tree over fixed fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from connect.api import ConfigError
from connect.api.error_codes import register_code
from connect.runtime.dead_letters.documents import dumps, parsed, pointed
from connect.runtime.dead_letters.letters import Letter

INVALID = register_code(
    "dlq.condition",
    "A condition on dead letters cannot be read.",
    "Write FIELD OPERATOR VALUE, joined by and, or, not and parentheses; the how-to on dead letters lists the fields.",
)
CHARS_MAX: Final = 4096
#: Parentheses and nots within each other.
DEPTH_MAX: Final = 30

#: A field's value of a letter, None where it has none.
Field = Callable[[Letter], Any]
_FIELDS: Final[dict[str, Field]] = {
    "code": lambda one: one.cause.code or None,
    "class": lambda one: one.cause.exception or None,
    "message": lambda one: one.cause.message or None,
    "stage": lambda one: one.cause.stage or None,
    "alias": lambda one: one.cause.alias or None,
    "plugin": lambda one: one.cause.plugin or None,
    "connector": lambda one: one.connector or None,
    "task": lambda one: one.task,
    "topic": lambda one: one.topic or None,
    "partition": lambda one: one.original_partition,
    "offset": lambda one: one.original_offset,
    "letter.partition": lambda one: one.partition,
    "letter.offset": lambda one: one.offset,
    "time": lambda one: one.failed_ms,
    "replays": lambda one: one.replays,
    "sqlstate": lambda one: one.cause.details.get("sqlstate"),
    "column": lambda one: one.cause.details.get("column"),
    "table": lambda one: one.cause.details.get("table"),
    "constraint": lambda one: one.cause.details.get("constraint"),
    "key": lambda one: _text(parsed(one.key)[1]),
    "value": lambda one: _text(parsed(one.value)[1]),
}
#: Fields with a path behind a dot.
_PATHS: Final = ("key", "value", "header", "cause")
_TOKEN = re.compile(
    r"""\s*(?:(?P<op><=|>=|!=|==|[=<>~(),])|(?P<q>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<w>[^\s=<>!~(),"']+))""",
    re.DOTALL,
)
_WORDS: Final = ("and", "or", "not", "in")


@dataclass(slots=True)
class _Seen:
    """A letter, and its key and value parsed once for all conditions on them."""

    letter: Letter
    parsed: dict[str, Any] = field(default_factory=dict)

    def document(self, part: str) -> Any:
        if part not in self.parsed:
            self.parsed[part] = parsed(self.letter.key if part == "key" else self.letter.value)[1]
        return self.parsed[part]


_Test = Callable[[_Seen], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read; `text` is what it was read from."""

    text: str
    _test: _Test

    def matches(self, letter: Letter) -> bool:
        """Say whether it holds for a letter."""
        return self._test(_Seen(letter))


def condition(text: str | None) -> Condition:
    """Read a condition; none, or nothing but spaces, holds for every letter.

    Raises:
        ConfigError: dlq.condition: says where, and what is expected.
    """
    if text is None or not text.strip():
        return Condition("", lambda _: True)
    if len(text) > CHARS_MAX:
        raise ConfigError(f"the condition has {len(text)} characters; at most {CHARS_MAX} are taken", code=INVALID)
    return Condition(text, _Parser(text).whole())


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        #: Kind ('op', 'q', 'w', or 'end'), text, and where it begins.
        self._tokens: list[tuple[str, str, int]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                begin = at + len(text[at:]) - len(text[at:].lstrip())
                raise self._refusal(f"{text[begin : begin + 20]!r} begins nothing", begin)
            kind = found.lastgroup or ""
            self._tokens.append((kind, found[kind], found.start(kind)))
            at = found.end()
        self._tokens.append(("end", "the end", end))
        self._next = 0

    def whole(self) -> _Test:
        test = self._any(0)
        if self._tokens[self._next][0] != "end":
            self._refuse_next("'and', 'or' or the end")
        return test

    def _any(self, depth: int) -> _Test:
        tests = [self._all(depth)]
        while self._took("or"):
            tests.append(self._all(depth))
        return tests[0] if len(tests) == 1 else lambda seen: any(test(seen) for test in tests)

    def _all(self, depth: int) -> _Test:
        tests = [self._one(depth)]
        while self._took("and"):
            tests.append(self._one(depth))
        return tests[0] if len(tests) == 1 else lambda seen: all(test(seen) for test in tests)

    def _one(self, depth: int) -> _Test:
        if depth > DEPTH_MAX:
            raise self._refusal(f"it is nested deeper than {DEPTH_MAX}", self._tokens[self._next][2])
        if self._took("not"):
            test = self._one(depth + 1)
            return lambda seen: not test(seen)
        if self._took("("):
            test = self._any(depth + 1)
            self._expect(")")
            return test
        return self._comparison()

    def _comparison(self) -> _Test:
        kind, name, at = self._tokens[self._next]
        if kind != "w" or name.lower() in _WORDS:
            self._refuse_next("a field")
        self._next += 1
        get = self._field(name, at)
        as_time = name == "time"
        if self._took("in"):
            self._expect("(")
            values = [self._value(as_time)]
            while self._took(","):
                values.append(self._value(as_time))
            self._expect(")")
            return lambda seen: any(_compare("=", get(seen), value) for value in values)
        kind, op, _ = self._tokens[self._next]
        if kind != "op" or op in "(),":
            self._refuse_next(f"=, !=, <, <=, >, >=, ~ or in behind {name!r}")
        self._next += 1
        op, value = "=" if op == "==" else op, self._value(as_time)
        return lambda seen: _compare(op, get(seen), value)

    def _field(self, name: str, at: int) -> Callable[[_Seen], Any]:
        known = _FIELDS.get(name)
        if known is not None:
            return lambda seen: known(seen.letter)
        root, dot, path = name.partition(".")
        if dot and path and root in _PATHS:
            if root == "cause":
                return lambda seen: seen.letter.cause.details.get(path)
            if root == "header":
                return lambda seen: _header(seen.letter, path)
            return lambda seen: _scalar(pointed(seen.document(root), path))
        known_names = ", ".join([*_FIELDS, "key.PATH", "value.PATH", "header.NAME", "cause.NAME"])
        raise self._refusal(f"there is no field {name!r}; known are {known_names}", at)

    def _value(self, as_time: bool) -> str | int:
        kind, text, at = self._tokens[self._next]
        if kind not in ("w", "q"):
            self._refuse_next("a value")
        self._next += 1
        if kind == "q":
            text = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        if not as_time:
            return text
        moment = _moment(text)
        if moment is None:
            raise self._refusal(f"{text!r} is no time; write 2026-01-31T12:00:00Z, or ms since 1970", at)
        return moment

    def _took(self, word: str) -> bool:
        kind, text, _ = self._tokens[self._next]
        if kind in ("w", "op") and text.lower() == word:
            self._next += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._took(word):
            self._refuse_next(repr(word))

    def _refuse_next(self, expected: str) -> NoReturn:
        kind, text, at = self._tokens[self._next]
        raise self._refusal(f"{expected} is expected, and not {text if kind == 'end' else repr(text)}", at)

    @staticmethod
    def _refusal(what: str, at: int) -> ConfigError:
        return ConfigError(f"the condition cannot be read at character {at + 1}: {what}", code=INVALID)


def _moment(text: str) -> int | None:
    if text.isdecimal() and text.isascii() and len(text) < 19:
        return int(text)
    try:
        found = datetime.fromisoformat(text)
        return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else dumps(value)


def _scalar(value: Any) -> Any:
    """Return what a path leads to: null that is there is the word null, like true and false."""
    return dumps(value) if isinstance(value, bool | dict | list) else value


def _header(letter: Letter, name: str) -> str | None:
    found = next((data for own, data in reversed(letter.headers) if own == name), None)
    return None if found is None else _text(parsed(found)[1])


def _compare(op: str, found: Any, value: str | int) -> bool:
    if found is None:
        return op == "!="
    if op == "~":
        return str(value) in str(found)
    left, right = _number(found), _number(value)
    pair: tuple[Any, Any] = (str(found), str(value)) if left is None or right is None else (left, right)
    match op:
        case "=":
            return bool(pair[0] == pair[1])
        case "!=":
            return bool(pair[0] != pair[1])
        case "<":
            return bool(pair[0] < pair[1])
        case "<=":
            return bool(pair[0] <= pair[1])
        case ">":
            return bool(pair[0] > pair[1])
    return bool(pair[0] >= pair[1])


def _number(value: Any) -> Decimal | None:
    """Return a number; of text only what is written plainly, so that 'nan', '1_0' and codes like 22e01 are texts."""
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and len(value) < 40 and re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", value, re.ASCII):
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
    return None
