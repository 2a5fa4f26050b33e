"""The batch path of each transform does what its single-record path does, and neither changes what it is given."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import (
    INT32,
    OPTIONAL_STRING,
    STRING,
    Batch,
    DataError,
    Headers,
    Predicate,
    Record,
    Schema,
    Transform,
)
from connect_transforms import connect_predicates, connect_transforms

CONFIGS: dict[str, list[dict[str, str]]] = {
    "ExtractField": [{"field": "a"}, {"field": "n.a", "field.syntax.version": "V2"}],
    "Filter": [{}],
    "HoistField": [{"field": "line"}],
    "InsertField": [
        {"topic.field": "t", "partition.field": "p", "timestamp.field": "ts", "static.field": "s", "static.value": "x"},
        {"timestamp.field": "ts!", "offset.field": "o"},
    ],
    "MaskField": [{"fields": "a,b"}, {"fields": "b", "replacement": "***"}, {"fields": "a", "replacement": "7"}],
    "RegexRouter": [{"regex": "t(.*)", "replacement": "u$1"}],
    "ReplaceField": [{"exclude": "a"}, {"include": "a,b", "renames": "a:z"}],
    "ValueToKey": [{"fields": "a"}, {"fields": "a,b"}],
    "HasHeaderKey": [{"name": "h"}],
    "RecordIsTombstone": [{}],
    "TopicNameMatches": [{"pattern": "t.*"}],
}

plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2) | st.floats(allow_nan=False)
schemaless = st.none() | plain | st.dictionaries(st.sampled_from("abn"), plain | st.dictionaries(st.just("a"), plain))
INNER = Schema.struct({"a": OPTIONAL_STRING}, optional=True)
STRUCTS = [
    Schema.struct({"a": INT32, "b": OPTIONAL_STRING}, optional=True, name="s"),
    Schema.struct({"a": Schema("int32", default=5), "b": STRING, "n": INNER}, optional=True),
]
struct = st.none() | st.fixed_dictionaries(
    {"a": st.none() | st.integers(-9, 9), "b": st.none() | st.text("ab", max_size=2)},
    optional={"n": st.none() | st.fixed_dictionaries({"a": st.none() | st.text("ab", max_size=2)})},
)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    schema = draw(st.sampled_from([None, *STRUCTS]))
    values = draw(st.lists(schemaless if schema is None else struct, min_size=1, max_size=5))
    sink = draw(st.booleans())
    partition = draw(st.none() | st.just(3))
    return [
        Record(
            draw(st.sampled_from(["t1", "x"])), value, key=copy.deepcopy(value), partition=partition,
            timestamp=draw(st.none() | st.just(1_483_425_001_864)), key_schema=schema, value_schema=schema,
            headers=draw(st.none() | st.just(Headers().add("h", 1))), offset=index if sink else None,
        )
        for index, value in enumerate(values)
    ]  # fmt: skip


def _one_by_one(transform: Transform, given_records: list[Record]) -> list[Record] | None:
    try:
        return [out for record in given_records if (out := transform.apply(record)) is not None]
    except DataError:
        return None


def _in_batches(transform: Transform, batches: list[Batch]) -> list[Record] | None:
    try:
        results = [transform.apply_batch(batch) for batch in batches]
    except DataError:
        return None
    flat = [b for result in results if result is not None for b in (result if isinstance(result, list) else [result])]
    return [record for batch in flat for record in batch.records()]


def _cases(classes: list[Any]) -> list[Any]:
    simple = [(cls, cls.class_name.rpartition(".")[2]) for cls in classes]
    return [pytest.param(cls, config, id=f"{name}-{i}") for cls, name in simple for i, config in enumerate(CONFIGS[name.partition("$")[0]])]  # fmt: skip


@pytest.mark.parametrize(("cls", "config"), _cases(connect_transforms()))
@given(made=records())
def test_a_batch_becomes_what_its_records_become(
    cls: type[Transform], config: dict[str, str], made: list[Record]
) -> None:
    transform = cls()
    transform.configure(cls.config_class.parse(config))
    batches = Batch.group(made)
    before = copy.deepcopy(made)
    assert repr(_in_batches(transform, batches)) == repr(_one_by_one(transform, made))
    assert repr([record for batch in batches for record in batch.records()]) == repr(before)


@pytest.mark.parametrize(("cls", "config"), _cases(connect_predicates()))
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
