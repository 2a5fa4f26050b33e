from __future__ import annotations

import datetime as dt
import decimal
import enum
import os
import types
from typing import Any
from zoneinfo import ZoneInfo

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import Batch, CommittedRecord, DataError, Headers, Problem, RecordMetadata, Schema
from connect.api.connector import Signal
from connect.api.struct_column import Repeated, StructColumn
from connect.api.structs import Struct
from connect.runtime.processes.codec import ROWS_MAX, SCHEMAS_MAX, pack, unpack

POINT = Schema.struct({"x": Schema("int32"), "at": Schema.timestamp(optional=True)}, name="point", doc="A point.")

scalar = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.decimals(allow_nan=False) | st.dates() | st.times() | st.datetimes(timezones=st.timezones() | st.just(dt.UTC))
)  # fmt: skip
plain = st.recursive(
    scalar,
    lambda inner: st.lists(inner) | st.dictionaries(scalar, inner) | st.tuples(inner, inner),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.slow
@given(plain)
def test_a_value_comes_out_as_it_went_in(value: Any) -> None:
    found = unpack(pack(value))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        "\ud800", {"\udfff": ["\ud800", decimal.Decimal("1.50"), {1: "\ud800"}]}, 1 << 70, -(1 << 70),
        {-(1 << 70): 1}, {decimal.Decimal(1): "a", (1, "b"): 2, None: 3}, float("inf"),
        range(3, 9, 2), POINT, Struct(POINT, {"x": 1}), Schema.array(POINT), Problem("key", "message"),
        Signal("1", "snapshot", {"of": ["a"]}), CommittedRecord({"a": 1}, {"b": 2}, RecordMetadata("t", 0, 7)),
        CommittedRecord({"a": 1}, {"b": 2}, None), Schema("int32", default=7, parameters={"a": "b"}),
    ],
)  # fmt: skip
def test_what_plugins_and_the_runtime_hand_each_other_crosses(value: Any) -> None:
    found = unpack(pack([value]))[0]
    assert found == value
    assert type(found) is type(value)


def test_a_batch_crosses_with_all_of_its_columns() -> None:
    batch = Batch(
        "t", [{"x": 1, "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}, None], keys=["a", None], partition=3,
        timestamps=[1, None], headers=[None, Headers().add("h", 1, Schema("int32"))], value_schema=POINT,
        source_partition={"p": 1}, source_offset={"o": 2}, source_offsets=[None, {"o": 2}], offsets=range(4, 6),
        original_topic="o", original_partition=1,
    )  # fmt: skip
    found = unpack(pack(batch))
    assert {name: getattr(found, name) for name in Batch.__slots__} == {
        name: getattr(batch, name) for name in Batch.__slots__
    }
    assert isinstance(found.headers[1], Headers)


def test_a_column_of_structs_crosses_as_columns() -> None:
    inner = StructColumn({"x": [1, 2]}, 2)
    column = StructColumn({"name": ["a", "b"], "kind": Repeated("k"), "at": inner}, 2)
    found = unpack(pack(Batch("t", column.for_batch()))).values
    assert type(found) is StructColumn
    assert (type(found.fields["at"]), found.fields["kind"]) == (StructColumn, Repeated("k"))
    assert found == column


def test_subclasses_of_plain_types_cross_as_the_plain_ones() -> None:
    colour = enum.StrEnum("colour", ["RED"])
    number = enum.IntEnum("number", ["ONE"])
    found = unpack(pack([colour.RED, number.ONE, types.MappingProxyType({"a": 1}), bytearray(b"b")]))
    assert found == ["red", 1, {"a": 1}, b"b"]
    assert [type(one) for one in found] == [str, int, dict, bytes]


def test_keys_cross_as_they_are() -> None:
    value: dict[Any, Any] = {
        dt.date(2026, 1, 2): 1, dt.time(1, 2): 2, dt.datetime(2026, 1, 2): 3, decimal.Decimal("1.0"): 4, b"x": 5, 7: 6,
        None: 7, "a": {dt.date(2026, 1, 2): "b"}, enum.StrEnum("colour", ["RED"]).RED: 8,
    }  # fmt: skip
    found = unpack(pack([value]))[0]
    assert found == value
    assert [type(key) for key in found][-1] is str


@pytest.mark.parametrize("value", [object(), {1, 2}, [{"a": iter([])}], 1j])
def test_what_does_not_cross_is_named_by_its_type(value: Any) -> None:
    with pytest.raises(DataError, match=r"object|set|iterator|complex"):
        pack(value)


@pytest.mark.parametrize(
    "value", [Batch("t", [object()]), [Batch("t", [{"a": [(1, object())]}])], {"\ud800": (object(),)}]
)
def test_what_does_not_cross_is_named_by_its_own_type_however_deep_it_is(value: Any) -> None:
    with pytest.raises(DataError, match=r"a value of type builtins\.object does not cross"):
        pack(value)
    assert unpack(pack(1)) == 1


def test_more_schemas_than_are_kept_cross_all_the_same() -> None:
    schemas = [Schema("int32", name=f"n{n}") for n in range(SCHEMAS_MAX + 10)]
    assert unpack(pack(schemas)) == schemas
    assert unpack(pack(schemas[:3])) == schemas[:3]


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_a_value_error_and_nothing_else(data: bytes) -> None:
    try:
        found = unpack(data)
    except ValueError as error:
        assert "no message" in str(error)
    else:
        assert unpack(pack(found)) == found or found != found  # a NaN is no other's equal


@pytest.mark.parametrize("tag", range(1, 20))
def test_nonsense_within_a_type_of_ours_is_a_value_error(tag: int) -> None:
    for size in (1, 7, 40):
        with pytest.raises(ValueError, match="no message"):
            unpack(bytes([0xC7, size, tag]) + b"\xc1" + os.urandom(size - 1))


@pytest.mark.parametrize("within", [12, 20, 400])
def test_what_nests_deeper_than_the_stack_bears_is_refused_and_ends_nobody(within: int) -> None:
    data = pack(None)
    for _ in range(within):
        tupled = b"\x91" * 1000 + data
        data = b"\xc9" + len(tupled).to_bytes(4, "big") + b"\x03" + tupled
    with pytest.raises(ValueError, match="no message"):
        unpack(data)


@pytest.mark.slow
def test_structs_within_structs_cross_however_much_is_beside_them() -> None:
    beside: dict[str, Any] = {
        "a": [1.5, 1 << 40, -7, -(1 << 40), "é" * 300, b"x" * 70_000, decimal.Decimal("1.5"), None, True],
        "b": {"k" * 40: [dt.date(2026, 1, 2), list(range(70_000))]}, "c": (1, {2: 1 << 80, "\ud800": {}}, []),
    }  # fmt: skip
    value: Any = beside
    for _ in range(40):
        value = ({"beside": beside, "next": Struct(Schema.struct({"v": Schema("int32")}), {"v": 1})}, value)
    assert unpack(pack(value)) == value


# -- moments -----------------------------------------------------------------------------------------------------------

INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))
BERLIN = ZoneInfo("Europe/Berlin")
#: The hour that a night in October has twice, one that a night in March does not have, and a usual one.
HOURS = (dt.datetime(2026, 10, 25, 2, 30), dt.datetime(2026, 3, 29, 2, 30), dt.datetime(2026, 7, 1, 12, 0, 0, 7))


@pytest.mark.parametrize("moment", HOURS)
@pytest.mark.parametrize(
    "zone", [None, dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30)), BERLIN, ZoneInfo("UTC")]
)
@pytest.mark.parametrize("fold", [0, 1])
def test_a_moment_keeps_its_zone_and_which_of_two_equal_hours_it_is(
    moment: dt.datetime, zone: dt.tzinfo | None, fold: int
) -> None:
    value = moment.replace(tzinfo=zone, fold=fold)
    found = unpack(pack(value))
    assert (found, found.fold, found.utcoffset(), found.tzname()) == (value, fold, value.utcoffset(), value.tzname())
    assert type(found.tzinfo) is type(zone)
    hour = unpack(pack(value.timetz()))
    assert (hour, hour.fold, str(hour.tzinfo)) == (value.timetz(), fold, str(zone))


def test_a_moment_of_a_subclass_becomes_a_plain_one_of_the_same_zone_and_hour() -> None:
    class Stamp(dt.datetime):
        pass

    class Hour(dt.time):
        pass

    value = Stamp(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    found = unpack(pack(value))
    assert (type(found), found, found.fold, found.tzinfo) == (dt.datetime, value, 1, BERLIN)
    found = unpack(pack(Hour(2, 30, fold=1)))
    assert (type(found), found.fold) == (dt.time, 1)


def test_a_zone_that_is_not_known_here_or_has_other_rules_is_its_offset_at_the_moment() -> None:
    for text in (b"2026-10-25T02:30:00+01:00[Moon/Crater][fold=1]", b"2026-07-01T12:00:00+01:00[Europe/Berlin]"):
        found = unpack(ormsgpack.packb(ormsgpack.Ext(7, text)))
        assert found.tzinfo == dt.timezone(dt.timedelta(hours=1))
    assert found.utcoffset() == dt.timedelta(hours=1)


class Odd(dt.tzinfo):
    """A zone that is nobody else's."""

    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=2)

    def dst(self, moment: dt.datetime | None) -> None:
        return None


def test_a_zone_of_another_kind_is_its_offset_at_the_moment() -> None:
    value = dt.datetime(2026, 7, 1, tzinfo=Odd())
    found = unpack(pack(value))
    assert (found, found.tzinfo) == (value, dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    "text",
    [
        b"2026-07-01[",
        b"[Europe/Berlin]",
        b"2026-07-01T12:00:00[fold=7]",
        b"x",
        b"2026-07-01T12:00:00[../../etc/passwd]",
    ],
)
def test_what_is_no_moment_is_refused_or_has_no_zone(text: bytes) -> None:
    try:
        found = unpack(ormsgpack.packb(ormsgpack.Ext(7, text)))
    except ValueError:
        return
    assert found == dt.datetime(2026, 7, 1, 12)
    assert found.tzinfo is None


# -- claims ------------------------------------------------------------------------------------------------------------


def claimed(tag: int, *inner: Any) -> bytes:
    """What a process sends that claims rows."""
    return ormsgpack.packb(ormsgpack.Ext(tag, ormsgpack.packb(list(inner), option=ormsgpack.OPT_NON_STR_KEYS)))


REPEATED = ormsgpack.Ext(18, ormsgpack.packb([1]))


@pytest.mark.parametrize(
    "message",
    [
        claimed(10, 0, 10**10, 1),
        claimed(10, 0, -(10**10), -1),
        claimed(10, 0, 2**63 - 1, 1),
        claimed(17, {}, 10**10),
        claimed(17, {"x": REPEATED}, 10**10),
        claimed(17, {}, -1),
        claimed(17, {}, "7"),
        claimed(17, {}, True),
        claimed(17, {"x": ormsgpack.Ext(17, ormsgpack.packb([{}, ROWS_MAX]))}, ROWS_MAX),
        ormsgpack.packb([ormsgpack.Ext(17, ormsgpack.packb([{}, ROWS_MAX // 4]))] * 5),
        ormsgpack.packb([ormsgpack.Ext(10, ormsgpack.packb([0, ROWS_MAX // 4, 1]))] * 5),
    ],
)
def test_rows_that_are_claimed_and_not_sent_are_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="rows"):
        unpack(message)
    assert unpack(pack([1])) == [1]  # what was claimed is not held against what comes later


def test_as_many_rows_as_bytes_were_sent_are_taken() -> None:
    count = ROWS_MAX + 10
    column = StructColumn({"x": [None] * count}, count)
    assert len(unpack(pack(column))) == count


@pytest.mark.parametrize(
    "value",
    [range(10**10), range(10**30), StructColumn({"x": Repeated(1)}, 10**10), [StructColumn({}, ROWS_MAX // 4)] * 5],
)
def test_more_rows_than_the_other_side_takes_are_not_sent(value: Any) -> None:
    with pytest.raises(DataError, match="rows"):
        pack(value)
    assert unpack(pack(range(5))) == range(5)
