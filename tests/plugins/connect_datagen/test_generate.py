"""What `arg.properties` make of a field."""

import datetime as dt
import json
import random
import re
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_datagen.avro import AvroProblem, parse
from connect_datagen.generate import Compiler
from tests.plugins.connect_datagen.schemas import drawn

COUNT = 300


def column(avro, *, count=COUNT, **more):
    return drawn(avro, count=count, **more)


@pytest.mark.parametrize("avro", ["int", "long", "float", "double", "boolean", "string", "bytes"])
def test_a_type_without_properties_varies_within_its_schema(avro):
    assert len(set(column(avro))) > 1


def test_options_are_picked_from():
    assert set(column("string", options=["A", "B"])) == {"A", "B"}
    assert set(column("double", options=[1, 2.5])) == {1.0, 2.5}
    assert set(column("bytes", options=["\xff"])) == {b"\xff"}


def test_a_range_holds_its_min_and_not_its_max():
    assert set(column("int", range={"min": -1, "max": 2})) == {-1, 0, 1}
    assert all(0.5 <= value < 0.6 for value in column("double", range={"min": 0.5, "max": 0.6}))


def test_a_float_is_one_of_32_bits():
    values = column("float")
    assert values == [struct.unpack("f", struct.pack("f", value))[0] for value in values]


def test_an_iteration_counts_from_the_first_record_and_restarts():
    assert column("int", iteration={"start": 5}, first=10, count=3) == [15, 16, 17]
    assert column("long", iteration={"start": 1, "step": 10}, count=3) == [1, 11, 21]
    assert column("int", iteration={"start": 0, "restart": 3}, first=1, count=5) == [1, 2, 0, 1, 2]
    assert column("int", iteration={"start": 3, "restart": 0, "step": -1}, count=5) == [3, 2, 1, 3, 2]
    assert column("int", iteration={"start": 0, "restart": 10, "initial": 8}, count=3) == [8, 9, 0]
    assert column("double", iteration={"start": 1, "step": 2}, count=2) == [1.0, 3.0]


@given(st.integers(-50, 50), st.integers(1, 40), st.integers(1, 7), st.integers(0, 100), st.integers(0, 60))
def test_an_iteration_is_the_same_however_it_is_cut(start, period, step, first, count):
    iteration = {"start": start, "restart": start + period, "step": step}
    whole = column("int", iteration=iteration, count=first + count)
    assert column("int", iteration=iteration, first=first, count=count) == whole[first:]
    assert all(start <= value < start + period for value in whole)


def test_lengths_bound_texts_arrays_and_maps():
    numbers = {"type": "array", "items": "int", "arg.properties": {"length": {"min": 0, "max": 2}}}
    by_name = {"type": "map", "values": "int", "arg.properties": {"length": 2, "keys": {"regex": "[a-z]{20}"}}}
    assert {len(value) for value in column("string", length=3)} == {3}
    assert {len(value) for value in column("bytes", length={"min": 1, "max": 3})} == {1, 2}
    assert {len(value) for value in column(numbers)} == {0, 1}
    assert {len(value) for value in column(by_name)} == {2}


def test_prefix_and_suffix_go_around_a_text():
    assert all(re.fullmatch(r"<[0-9]>", value) for value in column("string", regex="[0-9]", prefix="<", suffix=">"))


def test_odds_weigh_a_boolean():
    assert set(column("boolean", odds=1)) == {True}
    assert set(column("boolean", odds=0)) == {False}


def test_an_optional_is_sometimes_null():
    values = column(["null", {"type": "int", "arg.properties": {"options": [1]}}])
    assert set(values) == {None, 1}


def named(kind, **more):
    """A type whose name is its own, since Avro has each name once."""
    return {"type": kind, "name": f"{kind}_{json.dumps(more, sort_keys=True).encode().hex()}", **more}


leaves = st.sampled_from(
    [
        "int", "long", "float", "double", "boolean", "string", "bytes",
        {"type": "int", "logicalType": "date"},
        {"type": "long", "logicalType": "timestamp-millis"},
        {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3},
        {"type": "string", "arg.properties": {"regex": "[a-c]{2,4}"}},
        {"type": "string", "format_as_time": "HH:mm", "arg.properties": {"iteration": {"start": 0, "step": 60_000}}},
        {"type": "float", "arg.properties": {"range": {"min": 0.1}}},
        {"type": "boolean", "arg.properties": {"iteration": {"start": True}}},
        named("enum", symbols=["A", "B"]),
        named("fixed", size=3),
        named("fixed", size=2, logicalType="decimal", precision=4),
    ]
)  # fmt: skip
types = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda items: {"type": "array", "items": items, "arg.properties": {"length": 2}}),
        inner.map(lambda values: {"type": "map", "values": values, "arg.properties": {"length": 2}}),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda members: named("record", fields=[{"name": f"f{n}", "type": t} for n, t in enumerate(members)])
        ),
        leaves.map(lambda other: ["null", other]),
        leaves.map(lambda other: [{"type": "array", "items": other, "arg.properties": {"length": 1}}, "null", "int"]),
    ),
    max_leaves=5,
)


@given(types, st.integers(0, 1 << 40), st.integers(0, 99))
def test_a_type_of_any_shape_makes_values_that_it_admits_and_the_same_for_a_seed(avro, first, seed):
    try:
        values = column(avro, first=first, count=7, seed=seed)
    except AvroProblem as error:  # a name that came twice
        assert "declared twice" in str(error)
        return
    assert column(avro, first=first, count=7, seed=seed) == values


def logical(kind, name, low=None, high=None, **more):
    properties = {} if low is None else {"arg.properties": {"range": {"min": low, "max": high}}}
    return {"type": kind, "logicalType": name, **properties, **more}


def test_logical_types_are_pythons_own():
    assert set(column(logical("int", "date", 1, 2))) == {dt.date(1970, 1, 2)}
    assert set(column(logical("int", "time-millis", 3_661_001, 3_661_002))) == {dt.time(1, 1, 1, 1000)}
    stamps = column(logical("long", "timestamp-millis", 1500, 1501))
    assert set(stamps) == {dt.datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=dt.UTC)}
    chosen = {"type": "int", "logicalType": "date", "arg.properties": {"options": [0]}}
    assert set(column(chosen)) == {dt.date(1970, 1, 1)}
    money = column(logical("bytes", "decimal", precision=40, scale=2))
    assert all(isinstance(value, Decimal) and value.as_tuple().exponent == -2 for value in money)


def test_logical_types_without_range_stay_within_the_calendar():
    assert all(1970 <= value.year < 2100 for value in column(logical("int", "date")))
    assert all(1970 <= value.year <= 2100 for value in column(logical("long", "timestamp-millis")))
    assert len(set(column(logical("int", "time-millis")))) > 1


def test_records_nest_in_arrays():
    point = {"type": "record", "name": "p", "fields": [{"name": "x", "type": "int"}]}
    values = column({"type": "array", "items": point, "arg.properties": {"length": 1}})
    assert all(list(value[0]) == ["x"] for value in values)


def test_a_faker_field_draws_from_a_pool_made_of_the_seed():
    emails = column("string", faker="email")
    assert len(set(emails)) > 10
    assert all("@" in email for email in emails)
    assert column("string", faker="email") == emails
    assert column("string", faker="email", seed=2) != emails


def test_a_faker_field_takes_arguments_a_locale_and_fits_the_type():
    assert set(column("int", faker={"provider": "pyint", "args": {"min_value": 3, "max_value": 4}})) == {3, 4}
    assert column("string", faker={"provider": "city", "locale": "de_DE"})
    assert column("string", faker="date_of_birth")[0].count("-") == 2
    assert column({"type": "int", "logicalType": "date", "arg.properties": {"faker": "date_object"}})
    assert column({"type": "long", "logicalType": "timestamp-millis", "arg.properties": {"faker": "date_time"}})


@pytest.mark.parametrize(
    ("avro", "properties", "message"),
    [
        ("int", {"regex": "x"}, "'regex' not known for type int; known are faker, format_as_time, iteration, "),
        ("long", {"iteration": {"start": 1, "format_as_time": True}}, "iteration must be an object with"),
        ("int", {"iteration": {}}, "iteration lacks 'start'"),
        ("int", {"iteration": {"start": 0, "step": 0}}, "step must lead from start towards restart"),
        ("int", {"iteration": {"start": 0, "restart": 9, "initial": 9}}, "initial must lie before restart"),
        ("int", {"iteration": {"start": 1 << 40}}, "step must lead from start|outside of int"),
        ("int", {"range": {"min": 3, "max": 3}}, "range from 3 to 3 is empty or outside of int"),
        ("int", {"range": {"min": 0, "max": 1 << 40}}, "outside of int"),
        ("int", {"range": {"min": "0"}}, "expected a whole number, found '0'"),
        ("int", {"range": 3}, "range must be an object with max, min"),
        ("double", {"range": {"min": 1, "max": 0}}, "is empty or outside of double"),
        ("string", {"iteration": {"start": 0}, "length": 3}, "iteration and length cannot stand together"),
        ("string", {"faker": "email", "options": ["a"]}, "options and faker cannot stand together"),
        ("int", {"options": []}, "options must be a list that is not empty"),
        ("int", {"options": ["x"]}, "options: Invalid"),
        ("string", {"regex": "(?=x)"}, r"only '\(\?:' is understood"),
        ("string", {"regex": 3}, "regex must be a text"),
        ("string", {"length": -1}, "is empty, negative or above"),
        ("string", {"prefix": 3}, "prefix and suffix must be texts"),
        ("boolean", {"odds": 2}, "odds must be a number from 0 to 1"),
        ("string", {"faker": "emial"}, "faker has no provider 'emial'; the nearest is 'email'"),
        ("string", {"faker": "add_provider"}, "faker has no provider 'add_provider'"),
        ("string", {"faker": "__class__"}, "faker has no provider '__class__'"),
        ("string", {"faker": 3}, "faker must be a provider's name"),
        ("string", {"faker": {"provider": "email", "locale": "xx_XX"}}, "faker: Invalid configuration"),
        ("string", {"faker": {"provider": "email", "args": {"no": 1}}}, "faker provider 'email': .*unexpected keyword"),
        ("int", {"faker": "email"}, "faker provider 'email': Invalid"),
    ],
)  # fmt: skip
def test_properties_that_make_no_sense_say_why_and_where(avro, properties, message):
    with pytest.raises(AvroProblem, match="^field 'a': .*" + f"({message})"):
        column(avro, **properties)


COUNTING = {"type": "int", "arg.properties": {"iteration": {"start": 0}}}


def test_an_iteration_inside_an_array_whose_length_varies_is_refused():
    with pytest.raises(AvroProblem, match="iteration does not work inside an array"):
        column({"type": "array", "items": COUNTING})
    with pytest.raises(AvroProblem, match="iteration does not work inside an array"):
        column({"type": "map", "values": "int", "arg.properties": {"keys": {"iteration": {"start": 0}}}})


def test_an_iteration_counts_through_arrays_and_maps_of_one_length():
    pairs = {"type": "array", "items": COUNTING, "arg.properties": {"length": 2}}
    assert column(pairs, first=10, count=2) == [[20, 21], [22, 23]]
    grid = {"type": "array", "items": pairs, "arg.properties": {"length": 2}}
    assert column(grid, first=1, count=1) == [[[4, 5], [6, 7]]]
    keys = {"iteration": {"start": 1}, "prefix": "k"}
    by_name = {"type": "map", "values": COUNTING, "arg.properties": {"length": 2, "keys": keys}}
    assert column(by_name, first=1, count=1) == [{"k3": 2, "k4": 3}]


def test_a_union_of_several_types_has_one_member_set_or_is_null():
    values = column(["int", "null", {"type": "string", "arg.properties": {"options": ["a"]}}], count=COUNT)
    kinds = [next((name for name in value if value[name] is not None), None) if value else None for value in values]
    assert set(kinds) == {"int", "string", None}
    assert all(COUNT / 5 < kinds.count(kind) < COUNT / 2 for kind in ("int", "string", None))
    assert all(value is None or list(value) == ["int", "string"] for value in values)
    assert all(value is not None for value in column(["int", "string"]))


def test_a_count_in_a_union_goes_by_the_number_of_the_record():
    whole = column([COUNTING, "string"], count=COUNT)
    assert all(value["int"] in (None, number) for number, value in enumerate(whole))


def test_a_timestamp_beyond_the_calendar_is_refused():
    with pytest.raises(AvroProblem, match="is empty or outside of timestamp-millis"):
        column(logical("long", "timestamp-millis", 0, 1 << 62))


def whole(schema, *, count=COUNT):
    """Return values of a whole record, each checked against its schema."""
    record = parse(schema if isinstance(schema, str) else json.dumps(schema))
    values = Compiler(random.Random(1), 50).column(record)(random.Random(1), 0, count)
    for value in values:
        record.schema.validate(value)
    return values


STORE = {
    "type": "record",
    "name": "store",
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "rate", "type": "double"},
        {"name": "code", "type": "bytes"},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "town", "type": ["null", "string"]},
        {"name": "tags", "type": {"type": "array", "items": "float"}},
    ],
}
ULM = {"id": 1, "rate": 2, "code": "\xff", "day": 1, "town": {"string": "Ulm"}, "tags": [1]}
JENA = {**ULM, "id": 2, "town": None}


def test_options_beside_the_outermost_record_are_whole_records():
    values = whole({**STORE, "arg.properties": {"options": [ULM, JENA]}})
    assert {value["id"]: value["town"] for value in values} == {1: "Ulm", 2: None}
    assert values[0]["day"] == dt.date(1970, 1, 2)
    assert values[0]["code"] == b"\xff"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({key: ULM[key] for key in ULM if key != "rate"}, "has a field 'rate' that the option lacks"),
        ({**ULM, "more": 1}, "has no field 'more'"),
        ({**ULM, "id": "one"}, "options"),
        (7, "options"),
    ],
)
def test_an_option_that_is_no_such_record_is_refused(option, said):
    with pytest.raises(AvroProblem, match=said):
        whole({**STORE, "arg.properties": {"options": [option]}})


def test_other_properties_of_the_outermost_record_are_refused_by_name():
    with pytest.raises(AvroProblem, match="'range' not known for type record"):
        whole({**STORE, "arg.properties": {"range": {"min": 1}}})


def counted(kind, name, **iteration):
    return column({"type": kind, "logicalType": name}, count=3, iteration=iteration)


def test_an_iteration_counts_milliseconds_and_days():
    start = dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)
    assert counted("long", "timestamp-millis", start=1_700_000_000_000, step=1000) == [
        start + dt.timedelta(seconds=n) for n in range(3)
    ]
    assert counted("int", "date", start=0, step=7) == [dt.date(1970, 1, day) for day in (1, 8, 15)]
    assert counted("int", "time-millis", start=0, step=43_200_000) == [dt.time(0), dt.time(12), dt.time(0)]
    assert counted("int", "date", start=1, step=-1)[-1] == dt.date(1969, 12, 31)


@pytest.mark.parametrize(
    ("kind", "name", "iteration"),
    [
        ("long", "timestamp-millis", {"start": 0, "restart": 1 << 60}),
        ("int", "date", {"start": 1 << 30}),
        ("int", "time-millis", {"start": 0, "restart": 86_400_001}),
    ],
)
def test_an_iteration_that_leaves_the_calendar_is_refused(kind, name, iteration):
    with pytest.raises(AvroProblem):
        counted(kind, name, **iteration)


def test_a_schema_may_have_comments():
    text = """{"type": "record", "name": "r", /* Avro's own parser
      allows comments */ "fields": [
      //  {"name": "old", "type": "int"},
      {"name": "id", "type": "int"}, {"name": "url", "doc": "http://x /* no */", "type": "string"}]} // the end"""
    assert list(whole(text, count=1)[0]) == ["id", "url"]


@pytest.mark.parametrize("text", ["/*" * 100_000, '"' + "a" * 100_000, "{} /"])
def test_a_comment_that_does_not_end_is_no_schema(text):
    with pytest.raises(AvroProblem):
        parse(text)


def test_a_length_binds_what_a_regex_makes():
    assert min(map(len, column("string", regex="[a-z]*", length=10))) >= 10
    texts = column("string", regex="[a-z]{0,15}", length={"min": 5, "max": 8})
    assert {len(text) for text in texts} == {5, 6, 7}
    assert all(re.fullmatch("[a-z]*", text) for text in texts)


@pytest.mark.parametrize("length", [4, {"min": 5}, {"max": 2}, -1, "x", {"min": 3, "max": 3}])
def test_a_length_that_a_regex_does_not_make_is_refused(length):
    with pytest.raises(AvroProblem, match=r"length|characters|number"):
        column("string", regex="[a-z]{2,3}", length=length)
