"""The batch path of each transform does what its single-record path does, and neither changes what it is given."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect.api import (
    INT32,
    OPTIONAL_STRING,
    STRING,
    Batch,
    ConnectError,
    Headers,
    Predicate,
    Record,
    Schema,
    Transform,
)
from connect_transforms import connect_predicates, connect_transforms
from tests.support.lengths import examples

V2 = {"field.syntax.version": "V2"}
CONFIGS: dict[str, list[dict[str, str]]] = {
    "ByLogicalTableRouter": [{"topic.regex": "t(.*)", "topic.replacement": "u$1"}],
    "Cast": [
        {"spec": "a:int8"},
        {"spec": "a:string,b:boolean"},
        {"spec": "b:float32"},
        {"spec": "n.a:string", **V2},
        {"spec": "string"},
        {"spec": "int64"},
    ],
    "Drop": [{}, {"schema.behavior": "validate"}],
    "DropHeaders": [{"headers": "h"}, {"headers": "x,y"}],
    "EventRouter": [{}],
    "ExtractChangedRecordState": [{"header.changed.name": "c"}],
    "ExtractField": [{"field": "a"}, {"field": "n.a", **V2}],
    "ExtractNewRecordState": [{"add.headers": "op"}, {"delete.tombstone.handling.mode": "rewrite-with-tombstone"}],
    "ExtractTopic": [
        {"field": "b", "skip.missing.or.null": "true"},
        {"field": "$.n.a", "field.format": "JSON_PATH"},
        {"field": "n.a", "skip.missing.or.null": "true", **V2},
    ],
    "Filter": [{}],
    "FilterByPath": [
        {"filter.condition": "$[?(@.a == 5)]", "filter.type": "include", "missing.or.null.behavior": "exclude"},
        {
            "filter.condition": "$.n[?(@.a =~ /a.*/ || @.a == 'b')]",
            "filter.type": "exclude",
            "missing.or.null.behavior": "include",
        },
        {"filter.condition": "$[?(@.a > 1)]", "filter.type": "include"},
    ],
    "Flatten": [{}, {"delimiter": "_"}],
    "GzipDecompress": [{}, {"max.decompressed.bytes": "10"}],
    "HeaderFrom": [
        {"fields": "a", "headers": "A", "operation": "copy"},
        {"fields": "a,b", "headers": "A,h", "operation": "move"},
        {"fields": "n.a", "headers": "A", "operation": "move", **V2},
    ],
    "HeaderToValue": [
        {"headers": "h", "fields": "z", "operation": "copy"},
        {"headers": "h", "fields": "n.z", "operation": "move"},
    ],
    "HoistField": [{"field": "line"}, {"field": "x.y", **V2}],
    "InsertField": [
        {"topic.field": "t", "partition.field": "p", "timestamp.field": "ts", "static.field": "s", "static.value": "x"},
        {"timestamp.field": "ts!", "offset.field": "o"},
        {"topic.field": "n.t", "static.field": "x.y", "static.value": "v", **V2},
    ],
    "InsertHeader": [{"header": "h", "value.literal": "5"}],
    "MaskField": [
        {"fields": "a,b"},
        {"fields": "b", "replacement": "***"},
        {"fields": "a", "replacement": "7"},
        {"fields": "n.a,b", **V2},
    ],
    "MessageTimestampRouter": [{"message.timestamp.keys": "d,a", "message.timestamp.format": "yyyy-MM-dd"}],
    "PartitionRouting": [{"partition.payload.fields": "op", "partition.topic.num": "3"}],
    "Python": [],  # of its own: test_python_transform.py
    "RegexRouter": [{"regex": "t(.*)", "replacement": "u$1"}],
    "ReplaceField": [
        {"exclude": "a"},
        {"include": "a,b", "renames": "a:z"},
        {"exclude": "n.a", "renames": "n.b:c", **V2},
        {"include": "a,n.a", **V2},
    ],
    "SchemaChangeEventFilter": [{"schema.change.event.exclude.list": "CREATE"}],
    "SetSchemaMetadata": [{"schema.name": "x"}, {"schema.version": "7"}],
    "TimestampConverter": [
        {"target.type": "string", "field": "d", "format": "yyyy-MM-dd"},
        {"target.type": "unix", "field": "d", "format": "yyyy-MM-dd", "unix.precision": "seconds"},
        {"target.type": "Timestamp", "field": "n.a", "format": "yyyy", **V2},
        {"target.type": "Date", "format": "yyyy-MM-dd"},
    ],
    "TimestampRouter": [{}, {"topic.format": "x-${timestamp}", "timestamp.format": "SSS"}],
    "TimezoneConverter": [
        {"converted.timezone": "America/New_York"},
        {"converted.timezone": "+02:00", "include.list": "topic:t1:d"},
    ],
    "TombstoneHandler": [{}, {"behavior": "fail"}],
    "ValidateJsonSchema": [{"schema": '{"properties": {"a": {"type": "integer"}}}'}],
    "ValueToKey": [{"fields": "a"}, {"fields": "a,b"}, {"fields": "n.a", **V2}],
    "HasHeaderKey": [{"name": "h"}],
    "RecordIsTombstone": [{}],
    "TopicNameMatches": [{"pattern": "t.*"}],
}

dates = st.sampled_from(["2024-01-31", "2023-02-29", "2024-1-1", "x", "2024-01-31T10:00:00Z"])
moments = st.datetimes(min_value=dt.datetime(1900, 1, 1), timezones=st.just(dt.UTC)).map(
    lambda m: m.replace(microsecond=0)
)
plain = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.integers() | st.text("ab5", max_size=2) | st.floats() | dates
)
schemaless = (
    st.none() | plain | st.dictionaries(st.sampled_from("abdn"), plain | st.dictionaries(st.sampled_from("ab"), plain))
)
INNER = Schema.struct({"a": OPTIONAL_STRING, "b": Schema("int64", optional=True, default=4)}, optional=True)
STRUCTS = [
    Schema.struct({"a": INT32, "b": OPTIONAL_STRING, "d": Schema.timestamp(optional=True)}, optional=True, name="s"),
    Schema.struct(
        {"a": Schema("int32", default=5), "b": STRING, "n": INNER, "d": Schema.timestamp(optional=True)}, optional=True
    ),
]
struct = st.none() | st.fixed_dictionaries(
    {"a": st.none() | st.integers(-9, 9), "b": st.none() | st.text("ab5", max_size=2), "d": st.none() | moments},
    optional={"n": st.none() | st.fixed_dictionaries({"a": st.none() | st.text("ab5", max_size=2)})},
)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    schema = draw(st.sampled_from([None, *STRUCTS]))
    values = draw(st.lists(schemaless if schema is None else struct, min_size=1, max_size=5))
    sink = draw(st.booleans())
    partition = draw(st.none() | st.just(3))
    return [
        Record(
            draw(st.sampled_from(["t1", "x"])),
            value,
            key=copy.deepcopy(value),
            partition=partition,
            timestamp=draw(st.none() | st.just(1_483_425_001_864)),
            key_schema=schema,
            value_schema=schema,
            headers=draw(st.none() | st.just(Headers().add("h", 1))),
            offset=index if sink else None,
        )
        for index, value in enumerate(values)
    ]


def _one_by_one(transform: Transform, given_records: list[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records that a transform can take, and what it makes of them."""
    taken, made = [], []
    for record in given_records:
        try:
            out = transform.apply(record)
        except ConnectError:
            continue
        taken.append(record)
        made += [] if out is None else [out]
    return taken, made


def _in_batches(transform: Transform, batches: list[Batch]) -> list[Record] | None:
    try:
        results = [transform.apply_batch(batch) for batch in batches]
    except ConnectError:
        return None
    flat = [b for result in results if result is not None for b in (result if isinstance(result, list) else [result])]
    return [record for batch in flat for record in batch.records()]


def _cases(classes: list[Any]) -> list[Any]:
    named = [(cls, (cls.aliases or (cls.class_name,))[0].rpartition(".")[2]) for cls in classes]
    return [
        pytest.param(cls, config, id=f"{name}-{i}")
        for cls, name in named
        for i, config in enumerate(CONFIGS[name.partition("$")[0]])
    ]


# Few examples for each case, since there are nearly a hundred that draw alike, and other ones in every run.
@pytest.mark.parametrize(("cls", "config"), _cases(connect_transforms()))
@settings(max_examples=examples(20))
@given(made=records())
def test_a_batch_becomes_what_its_records_become(
    cls: type[Transform], config: dict[str, str], made: list[Record]
) -> None:
    transform = cls()
    transform.configure(cls.config_class.parse(config))
    batches = Batch.group(made)
    before = copy.deepcopy(made)
    taken, expected = _one_by_one(transform, made)
    assert (_in_batches(transform, batches) is None) == (len(taken) < len(made)), (
        "a batch fails with any of its records"
    )
    assert repr(_in_batches(transform, Batch.group(taken))) == repr(expected)
    assert repr([record for batch in batches for record in batch.records()]) == repr(before)


@pytest.mark.parametrize(("cls", "config"), _cases(connect_predicates()))
@settings(max_examples=examples(20))
@given(made=records())
def test_a_predicate_answers_the_same_for_a_batch(
    cls: type[Predicate], config: dict[str, str], made: list[Record]
) -> None:
    predicate = cls()
    predicate.configure(cls.config_class.parse(config))
    for batch in Batch.group(made):
        answers = predicate.test_batch(batch)
        listed = [answers] * len(batch) if isinstance(answers, bool) else list(answers)
        assert listed == [predicate.test(record) for record in batch.records()]
