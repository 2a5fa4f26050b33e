"""What crosses to a plugin comes whole through pickle, to another process too: plugins may come to run in their own."""

from __future__ import annotations

import base64
import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect.api import (
    INT32,
    STRING,
    Batch,
    Config,
    Header,
    Headers,
    Problem,
    Record,
    Schema,
    SchemaType,
    Secret,
    Struct,
    config_key,
    logical,
)

NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=5)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
PROPERTIES = st.fixed_dictionaries(
    {
        "optional": st.booleans(),
        "name": st.none() | NAMES,
        "version": st.none() | st.integers(1, 9),
        "doc": st.none() | NAMES,
        "parameters": st.none() | st.dictionaries(NAMES, NAMES, max_size=2),
    }
)
LEAVES = st.builds(
    lambda kind, properties: Schema(kind, **properties),
    st.sampled_from([kind for kind in SchemaType if kind.is_primitive]),
    PROPERTIES,
)
SCHEMAS = st.recursive(
    LEAVES | st.sampled_from([Schema.date(), Schema.decimal(2), Schema(SchemaType.INT8, default=7)]),
    lambda inner: (
        st.builds(
            lambda fields, properties: Schema.struct(fields, **properties),
            st.dictionaries(NAMES, inner, max_size=3),
            PROPERTIES,
        )
        | st.builds(Schema.array, inner)
        | st.builds(Schema.map, inner, inner)
    ),
    max_leaves=5,
)
HEADERS = st.none() | st.lists(st.builds(Header, NAMES, VALUES, st.none() | SCHEMAS), max_size=2).map(Headers)
OFFSETS = st.dictionaries(NAMES, st.integers() | st.text(), max_size=2)
RECORDS = st.builds(
    Record,
    NAMES,
    VALUES,
    key=VALUES,
    partition=st.none() | st.integers(0, 9),
    timestamp=st.none() | st.integers(0, 1 << 40),
    headers=HEADERS,
    key_schema=st.none() | SCHEMAS,
    value_schema=st.none() | SCHEMAS,
    source_partition=OFFSETS,
    source_offset=OFFSETS,
    offset=st.none() | st.integers(0, 9),
    original_topic=st.none() | NAMES,
)


def through_pickle(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@given(SCHEMAS)
def test_a_schema_is_the_same_behind_pickle(schema: Schema) -> None:
    hash(schema)
    found = through_pickle(schema)
    assert found == schema
    assert hash(found) == hash(schema)
    assert (found.parameters, found.doc, found.default) == (schema.parameters, schema.doc, schema.default)


@settings(max_examples=50)
@given(RECORDS)
def test_a_record_is_the_same_behind_pickle(record: Record) -> None:
    found = through_pickle(record)
    assert found == record
    assert type(found.headers) is type(record.headers)


@settings(max_examples=30)
@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_batches_are_the_same_behind_pickle(records: list[Record]) -> None:
    for batch in Batch.group(records):
        found = through_pickle(batch)
        assert dataclasses.asdict(found).keys() == dataclasses.asdict(batch).keys()
        assert list(found.records()) == list(batch.records())


class LinkConfig(Config):
    url: str = config_key("Where to.")
    password: Secret | None = config_key("Password.", default=None)
    tables: list[str] = config_key("Tables.", default=[])


def test_a_config_is_the_same_behind_pickle_with_what_it_was_made_of() -> None:
    raw = {"url": "x", "password": "s3cret", "tables": "a, b", "unknown": "kept"}
    config = LinkConfig.parse(raw)
    found = through_pickle(config)
    assert found == config
    assert (found.originals, found.tables, found.password.get_secret_value()) == (raw, ["a", "b"], "s3cret")


def test_a_struct_keeps_its_schema_behind_pickle() -> None:
    schema = Schema.struct({"id": INT32, "name": STRING})
    found = through_pickle(Struct(schema, {"id": 1, "name": "x"}))
    assert type(found) is Struct
    assert (dict(found), found.schema) == ({"id": 1, "name": "x"}, schema)


@pytest.mark.parametrize("value", [Problem("a", "a is missing"), SchemaType.INT8, logical.scaled(5, 2)])
def test_what_a_plugin_gives_back_is_the_same_behind_pickle(value: Any) -> None:
    assert through_pickle(value) == value


MADE: dict[str, Callable[[], Any]] = {
    "schema": lambda: Schema.struct(
        {"id": INT32, "at": Schema.timestamp(optional=True)}, name="order", default={"id": 1}
    ),
    "record": lambda: Record(
        "t", {"id": 1}, value_schema=Schema.struct({"id": INT32}), headers=Headers([Header("h", 1, INT32)])
    ),
}
THERE = """
import base64, pickle, sys
from connect.api import *
found = pickle.loads(base64.b64decode(sys.argv[1]))
schema = found if isinstance(found, Schema) else found.value_schema
again = schema.replace()
print(schema == again, hash(schema) == hash(again), {again: 1}.get(schema))
"""


@pytest.mark.parametrize("made", MADE)
def test_a_schema_equals_its_like_in_another_process(made: str) -> None:
    value = MADE[made]()
    hash(value if isinstance(value, Schema) else value.value_schema)  # remembered; and texts hash otherwise over there
    sent = base64.b64encode(pickle.dumps(value)).decode()
    command = [sys.executable, "-c", THERE, sent]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.split() == ["True", "True", "1"]
