"""The model of related tables: what `model.filename` and `model.string` say, read and checked. Functions and data only.

`docs/howto/generate-related-topics.md` explains it to who writes one.
"""

from __future__ import annotations

import difflib
import graphlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from connect.api import INT64, STRING, Schema
from connect_datagen import avro, life
from connect_datagen.avro import AvroProblem, AvroType

#: The largest number of tables, rows in a round, and rounds that a row waits for its updates and its end.
TABLES_MAX: Final = 100
ROWS_MAX: Final = 10_000
WITHIN_MAX: Final = 1_000_000
#: Rows whose updates and ends are known and not yet made are held in memory, and made again by a restart.
WAITING_MAX: Final = 1_000_000
_UPDATES_MAX: Final = 100
_WITHIN: Final = 100
_FIXED_MAX: Final = 1_000_000_000

_TABLE: Final = frozenset(
    {"key", "fields", "rows", "count", "references", "updates", "deletes", "time_field", "operation_field", "topic"}
)
_PICKS: Final = {
    "uniform": frozenset[str](),
    "zipf": frozenset({"exponent"}),
    "hot": frozenset({"share", "of"}),
    "recent": frozenset({"last"}),
    "each": frozenset[str](),
}


class ModelProblem(ValueError):
    """What is wrong with a model, and at which place."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a table: a whole number, or a text where it has a prefix."""

    field: str
    start: int
    prefix: str | None

    @property
    def schema(self) -> Schema:
        return INT64 if self.prefix is None else STRING


@dataclass(frozen=True, slots=True)
class Choice:
    """How rows of another table are referred to."""

    field: str
    table: str
    pick: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the model.

    Attributes:
        record: The type of its own fields, without key and references; None where it has no others.
        rows: Rows in a round; None where `count` are there from the start.
        updates: Updates of a row in its life, in the mean; each within `updates_within` rounds of its insert.
        updated: The fields that an update draws anew.
        deletes: The share of rows that are deleted, each within `deletes_within` rounds.
        time_field: The field that holds the event's time, if any.
        operation_field: The field that holds 'c', 'u' or 'd', if any; then a delete is a record and a tombstone.
        topic: What stands for the table in the topic's name.
    """

    name: str
    key: Key
    record: AvroType | None
    rows: Fraction | None
    count: int
    references: tuple[Choice, ...]
    updates: Fraction
    updates_within: int
    updated: tuple[str, ...]
    deletes: float
    deletes_within: int
    time_field: str | None
    operation_field: str | None
    topic: str

    def ends_within(self, tables: Mapping[str, Table]) -> int:
        """Return the rounds within which a row that is deleted has gone, by itself or with what it refers to."""
        parents = [tables[choice.table].ends_within(tables) for choice in self.references]
        return max([self.deletes_within if self.deletes else 0, *parents])

    def lives_within(self, tables: Mapping[str, Table]) -> int:
        """Return the rounds from a row's insert to the last that can happen to it; 0 where nothing does."""
        return max(self.updates_within if self.updates else 0, self.ends_within(tables))


def parse(text: str) -> tuple[Table, ...]:
    """Return the tables of a model, each behind those that it refers to.

    Raises:
        ModelProblem: The text is not JSON, or no model.
    """
    try:
        declared = avro.from_json(text)
    except AvroProblem as error:
        raise ModelProblem(str(error)) from error
    except RecursionError as error:
        raise ModelProblem("it is nested too deeply") from error
    _members(declared, frozenset({"tables"}), "the model")
    tables = declared.get("tables")
    if not isinstance(tables, dict) or not 0 < len(tables) <= TABLES_MAX:
        raise ModelProblem(f"'tables' must be an object with 1 to {TABLES_MAX} tables")
    parsed = {name: _table(name, table) for name, table in tables.items()}
    for table in parsed.values():
        _check_references(table, parsed)
    try:
        order = tuple(
            graphlib.TopologicalSorter(
                {name: [choice.table for choice in table.references] for name, table in parsed.items()}
            ).static_order()
        )
    except graphlib.CycleError as error:
        raise ModelProblem(f"tables refer to each other in a circle: {' -> '.join(error.args[1])}") from error
    _check_waiting(parsed)
    return tuple(parsed[name] for name in order)


def _table(name: str, declared: Any) -> Table:
    place = f"table {name!r}"
    _members(declared, _TABLE, place)
    if "rows" in declared and "count" in declared:
        raise ModelProblem("either 'rows' in a round or a 'count' that is there from the start", place)
    key = _key(declared.get("key", "id"), f"{place}, key")
    record = _record(name, declared.get("fields", []), place)
    own = {} if record is None else dict(record.fields or {})
    updates = _object(declared, "updates", frozenset({"per_row", "within", "fields"}), place)
    deletes = _object(declared, "deletes", frozenset({"share", "within"}), place)
    updated = _updated(updates, own, f"{place}, updates") if "updates" in declared else ()
    count = _whole(declared.get("count", 0), 1 if "count" in declared else 0, _FIXED_MAX, f"{place}, count")
    table = Table(
        name=name,
        key=key,
        record=record,
        rows=None if count else _fraction(declared.get("rows", 1), ROWS_MAX, f"{place}, rows"),
        count=count,
        references=_references(declared, place),
        updates=_fraction(updates.get("per_row", 1), _UPDATES_MAX, f"{place}, updates: per_row")
        if "updates" in declared
        else Fraction(0),
        updates_within=_whole(updates.get("within", _WITHIN), 1, WITHIN_MAX, f"{place}, updates: within"),
        updated=updated,
        deletes=_part(deletes.get("share", 0.1), f"{place}, deletes: share") if "deletes" in declared else 0.0,
        deletes_within=_whole(deletes.get("within", _WITHIN), 1, WITHIN_MAX, f"{place}, deletes: within"),
        time_field=_text(declared, "time_field", place),
        operation_field=_text(declared, "operation_field", place),
        topic=_text(declared, "topic", place) or name,
    )
    added = [key.field, *(choice.field for choice in table.references), table.time_field, table.operation_field]
    names = [*(field for field in added if field is not None), *own]
    if twice := sorted({field for field in names if names.count(field) > 1}):
        raise ModelProblem(f"field {twice[0]!r} is there twice", place)
    return table


def _key(declared: Any, place: str) -> Key:
    if isinstance(declared, str) and declared:
        return Key(declared, 1, None)
    _members(declared, frozenset({"field", "start", "prefix"}), place)
    prefix = declared.get("prefix")
    if not isinstance(declared.get("field"), str) or not isinstance(prefix, str | None):
        raise ModelProblem('expected a field\'s name, or {"field", "start", "prefix"}', place)
    return Key(declared["field"], _whole(declared.get("start", 1), 0, 1 << 62, f"{place}: start"), prefix)


def _record(name: str, fields: Any, place: str) -> AvroType | None:
    if not isinstance(fields, list):
        raise ModelProblem("'fields' must be a list of Avro fields", place)
    if not fields:
        return None
    try:
        return avro.parse(json.dumps({"type": "record", "name": name, "fields": fields}))
    except AvroProblem as error:
        raise ModelProblem(str(error), place) from error


def _updated(updates: Mapping[str, Any], own: Mapping[str, AvroType], place: str) -> tuple[str, ...]:
    fields = updates.get("fields", [name for name, avro in own.items() if "iteration" not in avro.properties])
    if not isinstance(fields, list) or not fields or not all(isinstance(name, str) for name in fields):
        raise ModelProblem("'fields' must name the fields that change", place)
    for name in fields:
        if name not in own:
            raise ModelProblem(f"{name!r} is none of the table's own fields: {', '.join(own) or 'it has none'}", place)
        if "iteration" in own[name].properties:
            raise ModelProblem(f"field {name!r} counts, and so cannot be drawn anew", place)
    return tuple(fields)


def _references(declared: Mapping[str, Any], place: str) -> tuple[Choice, ...]:
    found = declared.get("references", {})
    if not isinstance(found, dict):
        raise ModelProblem("'references' must be an object: a field's name, and the table that it refers to", place)
    choices = []
    for field, reference in found.items():
        where = f"{place}, reference {field!r}"
        said = {"table": reference} if isinstance(reference, str) else reference
        pick = said.get("pick", "uniform") if isinstance(said, dict) else "uniform"
        if not isinstance(pick, str) or pick not in _PICKS:
            raise ModelProblem(f"'pick' must be one of {', '.join(_PICKS)}", where)
        _members(said, _PICKS[pick] | {"table", "pick"}, where)
        if not isinstance(said.get("table"), str):
            raise ModelProblem("it does not say which 'table' it refers to", where)
        choices.append(Choice(field, said["table"], pick, _numbers(pick, said, where)))
    return tuple(choices)


def _numbers(pick: str, said: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """Return the numbers of a way to pick, as `pick_of` wants them."""
    match pick:
        case "zipf":
            exponent = said.get("exponent", 1)
            if isinstance(exponent, bool) or not isinstance(exponent, int | float) or not 0 < exponent <= 10:
                raise ModelProblem("'exponent' must be a number above 0, up to 10", place)
            return {"exponent": exponent}
        case "hot":
            numbers = {name: _part(said.get(name, default), f"{place}: {name}")
                       for name, default in (("share", 0.8), ("of", 0.2))}  # fmt: skip
            if not all(0 < number < 1 for number in numbers.values()):
                raise ModelProblem("'share' and 'of' must be between 0 and 1", place)
            return numbers
        case "recent":
            return {"last": _whole(said.get("last", 1000), 1, 1 << 62, f"{place}: last")}
    return {}


def pick_of(choice: Choice, child: Table, parent: Table) -> life.Pick:
    """Return the function that picks the parent's rows."""
    match choice.pick:
        case "zipf":
            return life.zipf(choice.numbers["exponent"])
        case "hot":
            return life.hot(choice.numbers["share"], choice.numbers["of"])
        case "recent":
            return life.recent(choice.numbers["last"])
        case "each":
            assert child.rows is not None
            assert parent.rows is not None
            return life.each(child.rows / parent.rows)
    return life.uniform


def _check_references(table: Table, tables: Mapping[str, Table]) -> None:
    for choice in table.references:
        where = f"table {table.name!r}, reference {choice.field!r}"
        if choice.table not in tables:
            near = difflib.get_close_matches(choice.table, tables, 1)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise ModelProblem(f"there is no table {choice.table!r}{hint}", where)
        parent = tables[choice.table]
        if table.count and not parent.count:
            raise ModelProblem(f"rows that are there from the start refer to {parent.name!r}, which grows", where)
        if choice.pick == "each" and (table.count or parent.count):
            raise ModelProblem("pick 'each' is for tables of which both have 'rows' in a round", where)


def _check_waiting(tables: Mapping[str, Table]) -> None:
    """Bound the rows whose updates and ends are known and not made yet."""
    total = 0
    for table in tables.values():
        within = table.lives_within(tables)
        total += 0 if not within else table.count or int((table.rows or 0) * within) + 1
        if total > WAITING_MAX:
            raise ModelProblem(
                f"more than {WAITING_MAX} rows would wait for updates and deletes; make 'within' or 'rows' smaller",
                f"table {table.name!r}",
            )


def _object(declared: Mapping[str, Any], name: str, known: frozenset[str], place: str) -> Mapping[str, Any]:
    found = declared.get(name, {})
    _members(found, known, f"{place}, {name}")
    assert isinstance(found, dict)
    return found


def _members(declared: Any, known: frozenset[str], place: str) -> None:
    if not isinstance(declared, dict):
        raise ModelProblem(f"expected an object with {', '.join(sorted(known))}", place)
    unknown = sorted(declared.keys() - known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise ModelProblem(f"{unknown[0]!r} is not known; known are {', '.join(sorted(known))}{hint}", place)


def _text(declared: Mapping[str, Any], name: str, place: str) -> str | None:
    found = declared.get(name)
    if found is None or (isinstance(found, str) and found):
        return found
    raise ModelProblem(f"{name!r} must be a text", place)


def _whole(found: Any, low: int, high: int, place: str) -> int:
    if isinstance(found, int) and not isinstance(found, bool) and low <= found <= high:
        return found
    raise ModelProblem(f"expected a whole number from {low} to {high}", place)


def _part(found: Any, place: str) -> float:
    if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= 1:
        return float(found)
    raise ModelProblem("expected a number from 0 to 1", place)


def _fraction(found: Any, most: int, place: str) -> Fraction:
    if isinstance(found, int | float) and not isinstance(found, bool) and 0.001 <= found <= most:
        return Fraction(str(found)).limit_denominator(1_000_000)
    raise ModelProblem(f"expected a number from 0.001 to {most}", place)
