"""JSONPath as the Java library of that name has it: `$.orders[?(@.amount > 100 && @.state == 'new')]`.

A path is compiled once to functions. A condition has three answers: True, False, and None where a field that it
compares is missing or null; `&&`, `||` and `!` treat None as SQL treats NULL. As in the Java library a filter is asked
about each item of an array, and about an object itself; comparisons between different types are false.

Source: github.com/json-path/JsonPath, README: path operators and filter operators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from connect.api import compile_pattern
from connect_transforms.json_path.compare import OPERATORS, compared, comparison
from connect_transforms.json_path.tokens import Tokens

#: Takes the items reached so far and the root, returns the items one step on.
Step = Callable[[list[Any], Any], list[Any]]
#: Takes an item and the root.
Test = Callable[[Any, Any], bool | None]
Operand = Callable[[Any, Any], Any]
Verdict = bool | None

MISSING: Final = object()


class JsonPath:
    """One path.

    Args:
        text: Begins with `$`.

    Raises:
        ValueError: The text is no path; says where, and what is expected.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        tokens = Tokens(text)
        tokens.expect("$")
        self._steps, self._last = _steps(tokens)
        tokens.end()
        self._only = self._last if len(self._steps) == 1 else None

    def find(self, value: Any) -> list[Any]:
        """Return what lies at the path: any number of items, at most one where no step can have several."""
        items = [value]
        for step in self._steps:
            items = step(items, value)
        return items

    def test(self, value: Any) -> Verdict:
        """Return whether anything lies at the path; None where that hangs on a field that is missing or null."""
        if value is None:
            return None
        if self._last is None:
            return bool([item for item in self.find(value) if item is not None]) or None
        items = [value]
        for step in self._steps[:-1]:
            items = step(items, value)
        if not items:
            return None
        return _any(self._last.test(item, value) for item in _candidates(items))

    def test_all(self, values: Sequence[Any]) -> list[Verdict]:
        """Return `test` of a column."""
        last = self._only
        if last is not None and last.field is not None and last.check is not None and set(map(type, values)) == {dict}:
            name, check = last.field, last.check
            return [None if (found := value.get(name)) is None else check(found) for value in values]
        return list(map(self.test, values))


class _Filter:
    """The last step of a path where it is a filter. `field` and `check` are set where it compares one plain field."""

    def __init__(self, test: Test, field: str | None, check: Callable[[Any], Verdict] | None) -> None:
        self.test = test
        self.field = field
        self.check = check


def _candidates(items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        if isinstance(item, list):
            yield from item
        else:
            yield item


def _any(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the `or` of three-valued answers."""
    unknown = False
    for verdict in verdicts:
        if verdict:
            return True
        unknown = unknown or verdict is None
    return None if unknown else False


# -- steps ---------------------------------------------------------------------------------------------------------


def _steps(tokens: Tokens) -> tuple[list[Step], _Filter | None]:
    steps: list[Step] = []
    last: _Filter | None = None
    while True:
        if tokens.take(".."):
            steps.append(_descendants)
            if not tokens.at("["):
                steps.append(_wildcard if tokens.take("*") else _named([tokens.name()]))
            last = None
        elif tokens.take("."):
            steps.append(_wildcard if tokens.take("*") else _named([tokens.name()]))
            last = None
        elif tokens.take("["):
            step, last = _bracket(tokens)
            steps.append(step)
        else:
            return steps, last


def _bracket(tokens: Tokens) -> tuple[Step, _Filter | None]:
    if tokens.take("?"):
        tokens.expect("(")
        found = _either(tokens)
        tokens.expect(")")
        tokens.expect("]")
        return lambda items, root: [i for i in _candidates(items) if found.test(i, root)], found
    if tokens.take("*"):
        tokens.expect("]")
        return _wildcard, None
    if tokens.at_text():
        names = [tokens.text_literal()]
        while tokens.take(","):
            names.append(tokens.text_literal())
        tokens.expect("]")
        return _named(names), None
    step = _indexes(tokens)
    tokens.expect("]")
    return step, None


def _indexes(tokens: Tokens) -> Step:
    parts: list[int | None] = [tokens.integer()]
    if tokens.at(":"):
        while tokens.take(":"):
            parts.append(tokens.integer())
        part = slice(*parts)
        return lambda items, root: [inner for item in items if isinstance(item, list) for inner in item[part]]
    while tokens.take(","):
        parts.append(tokens.integer())
    if None in parts:
        raise tokens.error("a number, a name in quotes, * or ?(…)")
    wanted = [index for index in parts if index is not None]
    return lambda items, root: [
        item[i] for item in items if isinstance(item, list) for i in wanted if -len(item) <= i < len(item)
    ]


def _named(names: list[str]) -> Step:
    return lambda items, root: [i[name] for i in items if isinstance(i, dict) for name in names if name in i]


def _wildcard(items: list[Any], root: Any) -> list[Any]:
    return [inner for item in items for inner in _children(item)]


def _descendants(items: list[Any], root: Any) -> list[Any]:
    found: list[Any] = []
    for item in items:
        found.append(item)
        found.extend(_descendants(list(_children(item)), root))
    return found


def _children(item: Any) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()


# -- filters -------------------------------------------------------------------------------------------------------


def _either(tokens: Tokens) -> _Filter:
    found = [_both(tokens)]
    while tokens.take("||"):
        found.append(_both(tokens))
    if len(found) == 1:
        return found[0]
    tests = [f.test for f in found]
    return _Filter(lambda item, root: _any(test(item, root) for test in tests), None, None)


def _both(tokens: Tokens) -> _Filter:
    found = [_one(tokens)]
    while tokens.take("&&"):
        found.append(_one(tokens))
    if len(found) == 1:
        return found[0]
    tests = [f.test for f in found]
    # By de Morgan: all are true unless any is not.
    return _Filter(lambda item, root: _not(_any(_not(test(item, root)) for test in tests)), None, None)


def _not(verdict: Verdict) -> Verdict:
    return None if verdict is None else not verdict


def _one(tokens: Tokens) -> _Filter:
    if tokens.take("!"):
        inner = _one(tokens)
        return _Filter(lambda item, root: _not(inner.test(item, root)), None, None)
    if tokens.take("("):
        grouped = _either(tokens)
        tokens.expect(")")
        return grouped
    return _comparison(tokens)


def _comparison(tokens: Tokens) -> _Filter:
    left, field = _operand(tokens)
    symbol = tokens.operator((*OPERATORS, "=~"))
    if symbol is None:
        return _Filter(lambda item, root: left(item, root) is not MISSING, None, None)
    if symbol == "=~":
        pattern = compile_pattern(tokens.regex(), key="filter.condition")
        check: Callable[[Any], Verdict] = lambda found: isinstance(found, str) and bool(pattern.fullmatch(found))  # noqa: E731
        return _checked(left, field, check)
    if not tokens.at_literal():
        right, _ = _operand(tokens)
        return _Filter(_between(left, symbol, right), None, None)
    literal = tokens.literal()
    if literal is None and symbol in ("==", "!="):
        wanted = symbol == "=="
        return _Filter(lambda item, root: (left(item, root) in (None, MISSING)) is wanted, None, None)
    return _checked(left, field, comparison(symbol, literal))


def _checked(left: Operand, field: str | None, check: Callable[[Any], Verdict]) -> _Filter:
    def test(item: Any, root: Any) -> Verdict:
        found = left(item, root)
        return None if found is None or found is MISSING else check(found)

    return _Filter(test, field, check)


def _between(left: Operand, symbol: str, right: Operand) -> Test:
    def test(item: Any, root: Any) -> Verdict:
        one, other = left(item, root), right(item, root)
        return None if one in (None, MISSING) or other in (None, MISSING) else compared(one, symbol, other)

    return test


def _operand(tokens: Tokens) -> tuple[Operand, str | None]:
    """Return what gets an operand's value, and the field's name where it is one plain field of the item."""
    if tokens.at_literal():
        literal = tokens.literal()
        return lambda item, root: literal, None
    if tokens.take("$"):
        steps, _ = _steps(tokens)
        return lambda item, root: _first(steps, root, root), None
    tokens.expect("@")
    plain = tokens.plain_field()
    if plain is not None:
        return lambda item, root: item.get(plain, MISSING) if isinstance(item, dict) else MISSING, plain
    steps, _ = _steps(tokens)
    return lambda item, root: _first(steps, item, root), None


def _first(steps: list[Step], item: Any, root: Any) -> Any:
    items = [item]
    for step in steps:
        items = step(items, root)
    return items[0] if items else MISSING
