"""EventRouter: rows of an outbox table as events."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, Batch, ConfigError, DataError, Schema
from tests.support.transforms import make_transform
from tests.transforms.debezium.events import envelope, event, record

ROW = Schema.struct(
    {
        "id": STRING,
        "aggregatetype": STRING,
        "aggregateid": STRING,
        "type": STRING,
        "payload": OPTIONAL_STRING,
        "part": INT32,
        "at": Schema.timestamp(optional=True),
    },
    optional=True,
    name="shop.public.outbox.Value",
)
OUTBOX = envelope(ROW, "shop.public.outbox.Envelope")
AT = dt.datetime(2024, 1, 31, 12, 30, tzinfo=dt.UTC)


def row(**more: Any) -> dict[str, Any]:
    members = {"id": "7c", "aggregatetype": "order", "aggregateid": "10", "type": "Paid", "payload": '{"a": 1}'}
    return {**members, "part": 3, "at": AT, **more}


def routed(*rows: dict[str, Any], op: str = "c", **config: str) -> list[Batch]:
    router = make_transform("EventRouter", **config)
    events = [record(event(op, after=each), OUTBOX) for each in rows]
    made = router.apply_batch(Batch.group(events)[0])
    return [] if made is None else made if isinstance(made, list) else [made]


def test_a_row_becomes_an_event() -> None:
    (made,) = routed(row())
    assert (made.topic, made.keys, made.values) == ("outbox.event.order", ["10"], ['{"a": 1}'])
    assert (made.key_schema, made.value_schema, made.timestamps) == (STRING, OPTIONAL_STRING, [5])
    assert made.headers == [[("id", "7c", STRING)]]


def test_events_of_one_batch_go_to_the_topics_that_they_name() -> None:
    made = routed(row(), row(aggregatetype="customer"), row(aggregatetype="customer"))
    assert [(part.topic, len(part)) for part in made] == [("outbox.event.order", 1), ("outbox.event.customer", 2)]


def test_columns_go_into_headers_envelope_and_partition() -> None:
    (made,) = routed(row(), table_fields_additional_placement="type:header:kind, type:envelope ,part:partition")
    assert made.partition == 3
    assert made.values == [{"payload": '{"a": 1}', "type": "Paid"}]
    assert made.value_schema == Schema.struct(
        {"payload": OPTIONAL_STRING, "type": STRING}, name="shop.public.outbox.order.Value"
    )
    assert made.headers is not None
    assert [header.name for header in made.headers[0] or ()] == ["id", "kind"]


def test_schemas_are_named_by_the_topic_of_each_event() -> None:
    made = routed(row(), row(aggregatetype="x"), row(), table_fields_additional_placement="type:envelope")
    named = [part.value_schema.name for part in made if part.value_schema is not None]
    assert named == [f"shop.public.outbox.{name}.Value" for name in ("order", "x", "order")]


def test_a_date_of_connect_is_a_timestamp_and_a_null_is_when_the_change_was_read() -> None:
    made = routed(row(), row(at=None), table_field_event_timestamp="at")
    assert [time for part in made for time in part.timestamp_column()] == [1_706_704_200_000, 5]


def test_a_payload_that_is_no_json_goes_on_with_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    made = routed(row(), row(payload="x"), row(payload="y"), table_expand_json_payload="true")
    assert [value for part in made for value in part.values] == [{"a": 1}, "x", "y"]
    assert [line for line in caplog.messages if "2 of 3 payloads go on as they are" in line] == caplog.messages


@pytest.mark.parametrize("op", ["u", "t"])
def test_what_is_neither_insertion_nor_deletion_is_told_or_refused(op: str, caplog: pytest.LogCaptureFixture) -> None:
    assert routed(row(), op=op) == []
    assert "whose rows are inserted and deleted; 1 such are dropped" in caplog.text
    with pytest.raises(DataError, match=r"unexpected (update|change of kind 't') of an outbox table"):
        routed(row(), op=op, table_op_invalid_behavior="FATAL")
    assert routed(row(), op="d") == []


def test_an_empty_payload_may_be_a_tombstone() -> None:
    made = routed(row(payload=" "), row(payload=None), row(), route_tombstone_on_empty_payload="true")
    assert [(part.values, part.value_schema) for part in made] == [
        ([None, None], None),
        (['{"a": 1}'], OPTIONAL_STRING),
    ]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"table_field_event_id": "no"}, "Unable to find event-id field no in event: the row has id, aggregatetype"),
        ({"table_field_event_timestamp": "type"}, r"column 'type' must be a date as io\.debezium\.time\.Timestamp"),
        ({"table_fields_additional_placement": "type:partition"}, "Field 'type' is not of type INT32"),
        ({"route_by_field": "part"}, "Field 'part' is not of type STRING"),
    ],
)
def test_columns_that_are_not_there_or_of_another_type_are_errors(config: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        routed(row(), **config)


def test_a_topic_needs_a_name_and_a_partition_is_not_negative() -> None:
    with pytest.raises(DataError, match="named by column 'aggregatetype', and it is null"):
        routed(row(aggregatetype=None))
    with pytest.raises(DataError, match="column 'part' names the partition, and is negative"):
        routed(row(part=-1), table_fields_additional_placement="part:partition")


def test_a_placement_that_is_none_is_refused() -> None:
    for text in ("type", "type:nowhere", "a:header:b:c"):
        with pytest.raises(ConfigError, match=r"expected COLUMN:PLACE or COLUMN:PLACE:NAME"):
            make_transform("EventRouter", table_fields_additional_placement=text)
