"""Random tables of PostgreSQL: columns of every type of the catalogue, and rows with the values that break things.

A seed makes the same tables again. Values are SQL expressions, so the server alone says what they are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from connect_postgres.names import quoted

#: Makes an SQL expression of a type.
Make = Callable[[random.Random], str]
#: What types of their own need; `kinds` is their schema.
OWN_TYPES: Final = (
    "CREATE SCHEMA kinds",
    "CREATE TYPE kinds.mood AS ENUM ('sad', 'O''K', 'très \"happy\"', '')",
    "CREATE TYPE kinds.\"Mixed Case\" AS ENUM ('A', 'b')",
    "CREATE DOMAIN kinds.positive AS integer CHECK (VALUE > 0)",
    "CREATE DOMAIN kinds.very_positive AS kinds.positive CHECK (VALUE > 10)",
    "CREATE DOMAIN kinds.amount AS numeric(12,3)",
    "CREATE DOMAIN kinds.short AS varchar(7) CHECK (VALUE <> 'never')",
    "CREATE DOMAIN kinds.day AS date",
    "CREATE DOMAIN kinds.numbers AS integer[] CHECK (cardinality(VALUE) < 9)",
    "CREATE TYPE kinds.pair AS (a integer, b text)",
    "CREATE TYPE kinds.nested AS (p kinds.pair, many kinds.pair[], at timestamptz, d kinds.amount)",
    "CREATE TYPE kinds.floats AS RANGE (subtype = float8)",
)
EXTENSIONS: Final = ("hstore", "citext", "ltree", "vector", "cube", "isn")
_NAMES: Final = (
    "MiXed",
    "with space",
    "ünïcode ☂",
    "a.b",
    "select",
    'quo"ted',
    "x" * 63,
    "é" * 31,
    "$1",
    "new\nline",
    "1",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: how a column is declared, what makes its values, and in which styles it stays what it is.

    Attributes:
        plain: What makes the values that the Connect types of the source's default keys hold; None: the same.
        made: Whether a table that the sink makes has a column of the same values for it.
    """

    declared: str
    make: Make
    plain: Make | None = None
    made: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a random table; `computed` is what GENERATED ALWAYS AS says, '' for none."""

    name: str
    kind: Kind
    not_null: bool
    computed: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A random table: id first, then its columns, and the rows as SQL expressions."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    id_type: str
    is_partitioned: bool
    changed_type: str

    def ddl(self, schema: str) -> list[str]:
        """The statements that make it in a schema."""
        parts = [f"id {self.id_type}", f"changed {self.changed_type} NOT NULL"]
        for column in self.columns:
            more = f" GENERATED ALWAYS AS ({column.computed}) STORED" if column.computed else ""
            parts.append(f"{quoted(column.name)} {column.kind.declared}{more}{' NOT NULL' if column.not_null else ''}")
        parts.append("PRIMARY KEY (id)")
        made = f"CREATE TABLE {schema}.{quoted(self.name)} ({', '.join(parts)})"
        if not self.is_partitioned:
            return [made]
        part = f"CREATE TABLE {schema}.{quoted(self.name + '_{}')} PARTITION OF {schema}.{quoted(self.name)} "
        return [
            f"{made} PARTITION BY RANGE (id)",
            part.format("low") + "FOR VALUES FROM (MINVALUE) TO (4)",
            part.format("rest") + "DEFAULT",
        ]

    def inserts(self, schema: str) -> list[str]:
        """The statements that fill it."""
        written = [column for column in self.columns if not column.computed]
        names = ", ".join(["id", "changed", *(quoted(column.name) for column in written)])
        head = f"INSERT INTO {schema}.{quoted(self.name)} ({names}) OVERRIDING SYSTEM VALUE VALUES "
        changed = "timestamptz '2026-01-01 00:00Z' + interval '1.000001 s' * {}"
        return [
            f"{head}({number}, {changed.format(number // 3)}{''.join(f', {value}' for value in row)})"
            for number, row in enumerate(self.rows, 1)
        ]

    def changes(self, schema: str, rng: random.Random) -> list[str]:
        """Random statements that change the rows: values, keys, rows that go and come back."""
        written = [column for column in self.columns if not column.computed]
        inserts, name, found = self.inserts(schema), f"{schema}.{quoted(self.name)}", []
        for number in range(1, len(self.rows) + 1):
            at = f"WHERE id = {number}"
            taken = rng.sample(range(len(written)), rng.randint(0, len(written)))
            values = rng.choice(self.rows)
            sets = [f"{quoted(written[n].name)} = {values[n]}" for n in taken]
            sets.append("changed = changed + interval '1 h'")
            update = f"UPDATE {name} SET {', '.join(sets)} {at}"
            delete = f"DELETE FROM {name} {at}"
            # An identity that is always the server's cannot be changed, but a row can be written anew.
            new_key = f"UPDATE {name} SET id = id + 1000 {at}" if "ALWAYS" not in self.id_type else update
            steps = rng.choice(
                ([], [update], [update, new_key], [new_key], [delete], [delete, inserts[number - 1]], [update, delete])
            )
            if steps:
                found.append(f"BEGIN; {'; '.join(steps)}; COMMIT")
        rng.shuffle(found)
        return found

    @property
    def parts(self) -> list[str]:
        """The names of what holds the rows: itself, or its partitions."""
        return [f"{self.name}_low", f"{self.name}_rest"] if self.is_partitioned else [self.name]

    @property
    def names(self) -> list[str]:
        """The names of all columns."""
        return ["id", "changed", *(column.name for column in self.columns)]

    @property
    def computed_names(self) -> list[str]:
        """The names of the columns that the server computes."""
        return [column.name for column in self.columns if column.computed]


def text(value: str) -> str:
    """Return an SQL string."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"E'{escaped}'"


def one_of(*values: str) -> Make:
    """Make one of these texts."""
    return lambda rng: text(rng.choice(values))


def _integer(bits: int) -> Make:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    return lambda rng: text(str(rng.choice((low, high, 0, -1, rng.randint(low, high)))))


def _float(rng: random.Random) -> str:
    return text(rng.choice(("NaN", "Infinity", "-Infinity", "-0", "1e-30", "0.1", repr(rng.uniform(-1e9, 1e9)))))


def _finite_float(rng: random.Random) -> str:
    return text(rng.choice(("0.1", "1e-30", "123456.75", repr(rng.uniform(-1e9, 1e9)))))


def _double(rng: random.Random) -> str:
    return text(rng.choice(("1.7976931348623157e308", "5e-324", "NaN", "-Infinity", repr(rng.gauss(0, 1)))))


def _finite_double(rng: random.Random) -> str:
    return text(rng.choice(("1.7976931348623157e308", "5e-324", "0.1", repr(rng.gauss(0, 1)))))


def _digits(rng: random.Random, count: int) -> str:
    return str(rng.randrange(10**count)) if count else "0"


def _numeric(precision: int, scale: int) -> Make:
    def make(rng: random.Random) -> str:
        whole = _digits(rng, rng.randint(0, max(0, precision - scale)))
        part = _digits(rng, rng.randint(1, scale)).zfill(scale) if scale > 0 else "0"
        if scale > precision:
            whole, part = "0", "0" * (scale - precision) + _digits(rng, precision).zfill(precision)
        return text(f"{rng.choice(('', '-'))}{whole}.{part}")

    return make


def _with(make: Make, *more: str) -> Make:
    return lambda rng: text(rng.choice(more)) if rng.random() < 0.3 else make(rng)


def _free_numeric(rng: random.Random) -> str:
    return text(
        rng.choice(
            (
                "1.5", "1.50", "1.500000", "0", "0.00", "1e200", "-1e-100", "NaN", "100",
                f"{_digits(rng, 30)}.{_digits(rng, 25)}",
            )
        )
    )  # fmt: skip


def _plain_numeric(rng: random.Random) -> str:
    return text(rng.choice(("1.5", "-12.25", "7", "0", f"{rng.randrange(1, 10**12)}.{rng.randrange(10**6)}1")))


def _word(rng: random.Random, length: int = 12) -> str:
    signs = "abcXYZ 0'\"\\{},()[]<>&;$\t\n\r%_ß€漢字😀\u0301\x01\x7f"
    return "".join(rng.choice(signs) for _ in range(rng.randint(0, length)))


def _text(length: int = 40) -> Make:
    def make(rng: random.Random) -> str:
        given = rng.choice(("", "NULL", "\\N", "null", "{}", " ", "'", '"', _word(rng, 40), _word(rng, 40)))
        return text(given[:length])

    return make


def _bytes(rng: random.Random) -> str:
    return text(f"\\x{rng.randbytes(rng.choice((0, 1, 7, 40))).hex()}")


def _fraction(rng: random.Random, digits: int) -> str:
    return f".{rng.randrange(10**digits):0{digits}d}" if digits else ""


def _clock(rng: random.Random, digits: int) -> str:
    return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}{_fraction(rng, digits)}"


def _date(rng: random.Random) -> str:
    return (
        f"{rng.choice((1, 1582, 1899, 1970, 2024, 2026, 9999)):04d}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    )


def _day(rng: random.Random) -> str:
    return text(rng.choice((_date(rng), "9999-12-31", "0001-01-01", "2024-02-29")))


_ODD_DAYS: Final = ("infinity", "-infinity", "0044-03-15 BC", "20000-01-01", "4713-01-01 BC", "5874897-12-31")
_ODD_TIMES: Final = (
    "infinity",
    "-infinity",
    "0044-03-15 10:00:00.123456 BC",
    "20000-01-01 23:59:59.999999",
    "294276-12-31 23:59:59.999999",
)


def _moment(digits: int, zone: str = "") -> Make:
    return lambda rng: text(f"{_date(rng)} {_clock(rng, digits)}{zone}")


def _time(digits: int, zone: bool = False, utc: bool = False) -> Make:
    zones = ("+00", "-12:30", "+05:45:30") if zone else ("+00",) if utc else ("",)

    def make(rng: random.Random) -> str:
        return text(_clock(rng, digits) + rng.choice(zones))

    return make


def _interval(rng: random.Random) -> str:
    given = ("1 year -2 mons 3 days", "-1 days +00:00:00.000001", "178000000 years", "0", "2 days 04:05:06.789")
    return text(rng.choice(given))


def _uuid(rng: random.Random) -> str:
    return text(rng.randbytes(16).hex())


_JSON: Final = (
    '{"a": [1, 2.50, null], "ü": "\\u0041"}',
    "[]",
    "null",
    '"text"',
    "12345678901234567890.10",
    '{"b":{}}',
    "true",
)
_JSONB: Final = (*_JSON, '{"": 1e10, "a": "\\"\\\\"}')
_RANGE: Final = ("empty", "(,)", "[1,5)", "(,3]", "[-7,)")

_KINDS: Final = [
    Kind("smallint", _integer(16), made=True),
    Kind("integer", _integer(32), made=True),
    Kind("bigint", _integer(64), made=True),
    Kind("real", _float, _finite_float, made=True),
    Kind("double precision", _double, _finite_double, made=True),
    Kind("numeric", _free_numeric, _plain_numeric),
    Kind("numeric(10,2)", _with(_numeric(10, 2), "NaN"), _numeric(10, 2), made=True),
    Kind("numeric(38,0)", _numeric(38, 0), made=True),
    Kind("numeric(4)", _numeric(4, 0), made=True),
    Kind("boolean", one_of("t", "f"), made=True),
    Kind("text", _text(), made=True),
    Kind("varchar", _text(), made=True),
    Kind("varchar(5)", _text(5), made=True),
    Kind("char(3)", _text(3)),
    Kind("char(1)", _text(1)),
    Kind("bpchar", _text()),
    Kind("name", _text(30)),
    Kind('"char"', one_of("x", "", "\\001")),
    Kind("bytea", _bytes, made=True),
    Kind("date", _with(_day, *_ODD_DAYS), _day, made=True),
    Kind("time", _with(_time(6), "24:00:00"), _time(3), made=True),
    Kind("time(2)", _time(2), made=True),
    Kind("timetz", _with(_time(6, zone=True), "24:00:00-15:59"), _time(6, utc=True)),
    Kind("timestamp", _with(_moment(6), *_ODD_TIMES), _moment(6)),
    Kind("timestamp(0)", _with(_moment(0), "infinity"), _moment(0)),
    Kind("timestamptz", _with(_moment(6, "+00"), *_ODD_TIMES), _moment(6, "+00")),
    Kind("timestamptz(3)", _with(_moment(3, "+02"), "-infinity"), _moment(3, "+02")),
    Kind("interval", _interval),
    Kind("interval day to second (3)", _interval),
    Kind("uuid", _uuid),
    Kind("json", one_of(*_JSON)),
    Kind("jsonb", one_of(*_JSONB)),
    Kind("jsonpath", one_of('$."a"[*]', "$.b ? (@ > 1)")),
    Kind("inet", one_of("10.1.2.3/8", "::1", "fe80::1/64", "192.168.0.1")),
    Kind("cidr", one_of("10.0.0.0/8", "::/0")),
    Kind("macaddr", one_of("08:00:2b:01:02:03")),
    Kind("macaddr8", one_of("08:00:2b:01:02:03:04:05")),
    Kind("money", one_of("12.34", "-92233720368547758.08", "0")),
    Kind("point", one_of("(1.5,-0.1)", "(NaN,Infinity)")),
    Kind("line", one_of("{1,-1,0.5}")),
    Kind("lseg", one_of("[(0,0),(1,1.25)]")),
    Kind("box", one_of("(3,4),(1,2)")),
    Kind("path", one_of("((0,0),(1,2))", "[(0,0),(3,4)]")),
    Kind("polygon", one_of("((0,0),(1,2),(3,0))")),
    Kind("circle", one_of("<(1,2),3.5>")),
    Kind("bit(1)", one_of("1", "0")),
    Kind("bit(9)", one_of("101010101", "000000000")),
    Kind("bit varying", one_of("", "1", "0001"), one_of("", "00000001", "1010101011110000")),
    Kind("bit varying(12)", one_of("", "10101"), one_of("", "10101010", "000011110000")),
    Kind("tsvector", one_of("a:1A fat:2,4 'it''s':3", "")),
    Kind("tsquery", one_of("fat & (rat | !cat)", "a <-> b")),
    Kind("int4range", one_of(*_RANGE)),
    Kind("int8range", one_of(*_RANGE)),
    Kind("numrange", one_of(*_RANGE, "[1.50,2.500)")),
    Kind("daterange", one_of("empty", "[2024-01-01,infinity)", "[2024-01-01,2024-02-01)")),
    Kind("tsrange", one_of("empty", "[2024-01-01 00:00:00.000001,)")),
    Kind("tstzrange", one_of("(,)", "[2024-01-01 00:00:00.000001+02,infinity]")),
    Kind("int4multirange", one_of("{}", "{[1,3),[5,9)}")),
    Kind("nummultirange", one_of("{(,1.0],[2.50,)}")),
    Kind("tstzmultirange", one_of("{[2024-01-01 00:00+00,2024-01-02 00:00+00)}")),
    Kind("datemultirange", one_of("{}", "{[2024-01-01,2024-01-03)}")),
    Kind("oid", one_of("0", "4294967295", "1259")),
    Kind("xid", one_of("3", "4294967295")),
    Kind("xid8", one_of("3", "18446744073709551615")),
    Kind("cid", one_of("7")),
    Kind("tid", one_of("(4294967295,65535)")),
    Kind("pg_lsn", one_of("0/0", "16/B374D848")),
    Kind("pg_snapshot", one_of("10:20:10,14,15")),
    Kind("regclass", one_of("pg_class", "pg_catalog.pg_type")),
    Kind("regtype", one_of("integer", "timestamp with time zone")),
    Kind("oidvector", one_of("1 2 3", "")),
    Kind("int2vector", one_of("1 -2 3")),
    Kind("kinds.mood", one_of("sad", "O'K", 'très "happy"', "")),
    Kind('kinds."Mixed Case"', one_of("A", "b")),
    Kind("kinds.positive", one_of("1", "2147483647")),
    Kind("kinds.very_positive", one_of("11")),
    Kind("kinds.amount", _with(_numeric(12, 3), "NaN"), _numeric(12, 3)),
    Kind("kinds.short", _text(5)),
    Kind("kinds.day", _with(_day, *_ODD_DAYS), _day),
    Kind("kinds.numbers", one_of("{1,2}", "{}", "{NULL}")),
    Kind("kinds.pair", one_of('(1,"a,b")', "(,)", '(-5,"")')),
    Kind("kinds.nested", one_of('("(1,x)","{""(2,y)"",NULL}","2024-01-01 00:00:00.000001+00",1.500)', "(,,,)")),
    Kind("kinds.floats", one_of("[0.1,0.30000000000000004)", "empty")),
]  # fmt: skip
#: What some versions and builds of the server do not have: declared, and a value.
_MAYBE: Final = [
    Kind("numeric(5,-2)", _with(_numeric(7, 0), "NaN", "0"), lambda rng: text(f"{rng.randint(-999, 999)}00")),
    Kind("numeric(3,5)", _numeric(3, 5)),
    Kind("xml", one_of("<a b=\"1\">é</a>", "text<!-- c -->")),
    Kind("hstore", one_of('"a"=>"1", "b"=>NULL', "", '"q\\"uote"=>"\\\\"')),
    Kind("citext", _text()),
    Kind("ltree", one_of("a.b.c", "")),
    Kind("vector(3)", one_of("[1,2.5,-3]")),
    Kind("cube", one_of("(1, 2),(3, 4)")),
    Kind("isbn13", one_of("978-0-393-04002-9")),
]  # fmt: skip
#: An unbounded numeric may be infinite from PostgreSQL 14 on.
_INFINITE: Final = Kind("numeric", _with(_free_numeric, "Infinity", "-Infinity"), _plain_numeric)


async def known_kinds(connection: asyncpg.Connection) -> list[Kind]:
    """Make the types of our own and the extensions that are there; return the kinds that the server knows."""
    for statement in OWN_TYPES:
        await connection.execute(statement)
    for extension in EXTENSIONS:
        if await connection.fetchval("SELECT count(*) FROM pg_available_extensions WHERE name = $1", extension):
            await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    found = list(_KINDS)
    for kind in [*_MAYBE, _INFINITE]:
        value = text("Infinity") if kind is _INFINITE else kind.make(random.Random(1))
        try:
            await connection.fetchval(f"SELECT ({value}::{kind.declared})::text")
        except asyncpg.PostgresError:
            continue
        found.append(kind)
    return found


class Tables:
    """Makes tables from a seed.

    Args:
        style: exact: all values; plain: those that Connect's types hold; made: those for which the sink makes a column.
        has_odd_names: Whether some columns have names that need quotes.
    """

    def __init__(self, seed: int, kinds: Sequence[Kind], style: str, *, has_odd_names: bool = True) -> None:
        self._odd_names = _NAMES if has_odd_names else ()
        self._rng = random.Random(seed)
        self._style = style
        self._kinds = [kind for kind in kinds if style != "made" or kind.made]

    def table(self, name: str) -> Table:
        """Make the next table."""
        rng = self._rng
        columns = []
        names = iter(self._names())
        for _ in range(rng.randint(1, 14)):
            kind = self._kind()
            columns.append(Column(next(names), kind, not_null=rng.random() < 0.3))
        if rng.random() < 0.3 and self._style != "made":
            columns.append(Column("computed", Kind("bigint", _integer(8)), not_null=False, computed="id * 2"))
        written = [column for column in columns if not column.computed]
        rows = tuple(tuple(self._value(column) for column in written) for _ in range(rng.choice((0, 1, 7, 7, 12))))
        id_types = ["bigint", "integer", "smallint"]
        is_partitioned = rng.random() < 0.15
        if not is_partitioned and self._style != "made":
            id_types += ["bigserial", "integer GENERATED BY DEFAULT AS IDENTITY", "bigint GENERATED ALWAYS AS IDENTITY"]
        changed = "timestamptz(3)" if self._style == "made" else rng.choice(("timestamp", "timestamptz"))
        return Table(name, tuple(columns), rows, rng.choice(id_types), is_partitioned, changed)

    def _names(self) -> Iterable[str]:
        odd = list(self._odd_names)
        self._rng.shuffle(odd)
        for number in range(99):
            yield odd.pop() if odd and self._rng.random() < 0.2 else f"c{number}"

    def _kind(self) -> Kind:
        kind = self._rng.choice(self._kinds)
        if self._rng.random() >= 0.2 or (self._style == "made" and not kind.made):
            return kind
        return self._array(kind, 1 if self._style == "made" else self._rng.choice((1, 1, 2, 3)))

    def _array(self, items: Kind, depth: int) -> Kind:
        declared = _array_of(items.declared, depth)
        plain = items.plain or items.make
        return Kind(
            declared,
            lambda rng: _array_value(rng, items.make, declared, rng.choice((1, 2, 3, depth))),
            lambda rng: _array_value(rng, plain, declared, depth),
            made=items.made,
        )

    def _value(self, column: Column) -> str:
        rng, kind = self._rng, column.kind
        if not column.not_null and rng.random() < 0.2:
            return "NULL"
        make = kind.make if self._style == "exact" else kind.plain or kind.make
        made = make(rng)
        return made if "::" in made else f"{made}::{kind.declared}"


async def fill(connection: asyncpg.Connection, tables: list[Table], *, has_targets: bool) -> None:
    """Make the schemas src and dst, the tables in src with their rows, and in dst without, if it is to have them."""
    await connection.execute("CREATE SCHEMA src; CREATE SCHEMA dst")
    statements = []
    for table in tables:
        statements += [*table.ddl("src"), *table.inserts("src"), *(table.ddl("dst") if has_targets else ())]
    await connection.execute("; ".join(statements))


async def differences(connection: asyncpg.Connection, table: str, names: Sequence[str]) -> list[str]:
    """Return the rows, as the server prints them, that only one of both tables has."""
    columns = ", ".join(map(quoted, names))
    rows = {
        schema: f"SELECT (SELECT r FROM (SELECT {columns}) r)::text FROM {schema}.{quoted(table)}"
        for schema in ("src", "dst")
    }
    if not await connection.fetchval("SELECT to_regclass($1)", f"dst.{quoted(table)}"):
        # Where no record came, nothing made a table that is to be made by one.
        return [f"src: {row[0]}" for row in await connection.fetch(rows["src"])]
    found = []
    for one, other in (("src", "dst"), ("dst", "src")):
        found += [f"{one}: {row[0]}" for row in await connection.fetch(f"{rows[one]} EXCEPT ALL {rows[other]}")]
    return found


def _array_of(declared: str, depth: int) -> str:
    return declared + "[]" * depth


def _array_value(rng: random.Random, make: Make, declared: str, depth: int) -> str:
    if rng.random() < 0.1:
        return f"'{{}}'::{declared}"
    lengths = [rng.randint(1, 3) for _ in range(depth)]
    base = declared.rstrip("[]")

    def items(left: Sequence[int]) -> str:
        if not left:
            return "NULL" if rng.random() < 0.15 else f"{make(rng)}::{base}"
        return f"ARRAY[{', '.join(items(left[1:]) for _ in range(left[0]))}]"

    return f"{items(lengths)}::{declared}"
