"""A contract at work, without a task: what passes, what fails, what is left out, and what is learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect.api import (
    FLOAT64,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    Batch,
    DataError,
    Schema,
)
from connect.runtime.contracts.changes import MIXED, NULL, changes_of, merged
from connect.runtime.contracts.config import ContractConfig
from connect.runtime.contracts.contract import FIELDS_MAX, Contract
from connect.runtime.contracts.discarding import DiscardedError
from connect.runtime.contracts.learning import Remembered
from connect.runtime.contracts.plain_values import schema_of
from connect.stores.contracts import Known
from connect.stores.schema_texts import as_kept
from tests.runtime.contracts.schemas import DOCUMENTS
from tests.support.factories import make_batch

ORDER = Schema.struct({"id": INT32, "note": OPTIONAL_STRING})
WITH_COLOUR = Schema.struct({"id": INT32, "note": OPTIONAL_STRING, "colour": OPTIONAL_STRING})
WIDER = Schema.struct({"id": INT64, "note": OPTIONAL_STRING})
OTHER_TYPE = Schema.struct({"id": INT32, "note": OPTIONAL_INT32})


def contract_of(known: Schema | None = ORDER, *, is_sink: bool = False, **config: Any) -> tuple[Contract, Remembered]:
    keys = {name.replace("_", "."): str(value) for name, value in config.items()}
    remembered = Remembered({} if known is None else {"orders": Known(1, known, 0, "test")})
    return Contract(ContractConfig.parse(keys), remembered, is_sink=is_sink), remembered


def batch_of(schema: Schema | None, *values: Any) -> Batch:
    return make_batch(list(values), value_schema=schema)


def known_of(remembered: Remembered) -> Schema:
    found = remembered.get("orders")
    assert found is not None
    return found.schema


def test_the_schema_that_is_known_passes_as_the_very_batch() -> None:
    contract, _ = contract_of(schema_contract="freeze")
    batch = batch_of(ORDER, {"id": 1, "note": None})
    assert contract.apply_batch(batch) is batch


def test_the_first_schema_of_a_topic_is_learned() -> None:
    contract, remembered = contract_of(None, schema_contract="freeze")
    contract.apply_batch(batch_of(ORDER, {"id": 1, "note": None}))
    assert known_of(remembered) == ORDER


@pytest.mark.parametrize("mode", ["freeze", "discard.record"])
def test_a_topic_of_which_nothing_is_known_is_refused_where_new_topics_are(mode: str) -> None:
    contract, remembered = contract_of(None, schema_contract_topics=mode)
    with pytest.raises(DataError, match="nothing is known of topic orders") as raised:
        contract.apply_batch(batch_of(ORDER, {"id": 1, "note": None}))
    assert isinstance(raised.value, DiscardedError) is (mode == "discard.record")
    assert remembered.get("orders") is None


@pytest.mark.parametrize(
    ("schema", "says"), [(WITH_COLOUR, "colour: a new field"), (OTHER_TYPE, "note: string is int32")]
)
def test_frozen_a_record_fails_and_says_which_field_and_why(schema: Schema, says: str) -> None:
    contract, _ = contract_of(schema_contract="freeze")
    with pytest.raises(DataError, match=says) as raised:
        contract.apply_batch(batch_of(schema, {"id": 1, "note": 3}, {"id": 2, "note": 4}))
    assert raised.value.code == "contract.violated"
    assert {bad.details["column"] for bad in raised.value.failed} == {says.partition(":")[0]}
    assert [bad.index for bad in raised.value.failed] == [0, 1]


def test_a_tombstone_fits_every_schema() -> None:
    contract, _ = contract_of(schema_contract="freeze")
    batch = batch_of(WITH_COLOUR, None, None)
    assert contract.apply_batch(batch) is batch
    with pytest.raises(DataError) as raised:
        contract.apply_batch(batch_of(WITH_COLOUR, None, {"id": 1}))
    assert [bad.index for bad in raised.value.failed] == [1]


def test_a_widening_is_learned_where_only_the_contract_is_frozen() -> None:
    contract, remembered = contract_of(schema_contract="freeze")
    batch = batch_of(WIDER, {"id": 1 << 40, "note": None})
    assert contract.apply_batch(batch) is batch
    assert known_of(remembered) == WIDER
    # What is narrower than what is known fits it from now on.
    assert contract.apply_batch(batch_of(ORDER, {"id": 1, "note": None})).value_schema is ORDER
    assert known_of(remembered) == WIDER


def test_a_widening_fails_where_that_is_frozen_too() -> None:
    contract, remembered = contract_of(schema_contract_widening="freeze")
    with pytest.raises(DataError, match="id: int32 is int64 now"):
        contract.apply_batch(batch_of(WIDER, {"id": 1, "note": None}))
    assert known_of(remembered) == ORDER


def test_new_fields_are_left_out_and_the_record_goes_on() -> None:
    contract, remembered = contract_of(schema_contract="discard.value")
    value = {"id": 1, "note": "a", "colour": "red"}
    made = contract.apply_batch(batch_of(WITH_COLOUR, value, None))
    assert made.values == [{"id": 1, "note": "a"}, None]
    assert made.value_schema == ORDER
    assert value["colour"] == "red"
    assert [(index, error.code) for index, error in contract.left_out] == [(0, "contract.discarded")]
    assert "colour: a new field" in contract.left_out[0][1].message
    assert known_of(remembered) == ORDER


def test_a_field_of_another_type_is_left_out_where_it_may_be_missing_else_its_record() -> None:
    contract, _ = contract_of(schema_contract="discard.value")
    made = contract.apply_batch(batch_of(OTHER_TYPE, {"id": 1, "note": 3}))
    assert (made.values, made.value_schema) == ([{"id": 1}], Schema.struct({"id": INT32}))
    with pytest.raises(DiscardedError, match="id: int32 is string now"):
        contract.apply_batch(batch_of(Schema.struct({"id": STRING}), {"id": "x"}))


def test_fields_may_grow_while_types_are_held() -> None:
    contract, remembered = contract_of(schema_contract_types="discard.value")
    both = Schema.struct({"id": INT32, "note": OPTIONAL_INT32, "colour": STRING})
    made = contract.apply_batch(batch_of(both, {"id": 1, "note": 3, "colour": "red"}))
    assert made.values == [{"id": 1, "colour": "red"}]
    # What others of the topic do not have may be missing.
    assert known_of(remembered) == WITH_COLOUR


def test_inside_structs_and_arrays_only_what_does_not_fit_is_left_out() -> None:
    line, more = Schema.struct({"sku": STRING}), Schema.struct({"sku": STRING, "vat": FLOAT64})
    contract, _ = contract_of(Schema.struct({"lines": Schema.array(line)}), schema_contract="discard.value")
    made = contract.apply_batch(
        batch_of(Schema.struct({"lines": Schema.array(more)}), {"lines": [{"sku": "a", "vat": 1.0}]})
    )
    assert made.values == [{"lines": [{"sku": "a"}]}]
    assert made.value_schema == Schema.struct({"lines": Schema.array(line)})
    assert contract.left_out[0][1].details == {"column": "lines[].vat"}


def test_what_another_task_learns_counts_at_once() -> None:
    contract, remembered = contract_of(schema_contract="freeze")
    batch = batch_of(WITH_COLOUR, {"id": 1})
    with pytest.raises(DataError):
        contract.apply_batch(batch)
    remembered.learn("orders", WITH_COLOUR, after=1)
    assert contract.apply_batch(batch) is batch


# -- without a schema ------------------------------------------------------------------------------------------------


def test_of_values_without_a_schema_the_first_batch_teaches() -> None:
    contract, remembered = contract_of(None, schema_contract="freeze")
    contract.apply_batch(batch_of(None, {"id": 1, "new": None}, {"id": 2.5, "note": "a"}, None))
    learned = known_of(remembered)
    assert learned == Schema.struct({"id": Schema("float64", optional=True), "new": NULL, "note": OPTIONAL_STRING})
    batch = batch_of(None, {"id": 3}, {"note": None}, {})
    assert contract.apply_batch(batch) is batch
    with pytest.raises(DataError, match="id: float64 is string now") as raised:
        contract.apply_batch(batch_of(None, {"id": 3}, {"id": "x"}))
    assert [bad.index for bad in raised.value.failed] == [1]


def test_a_field_that_was_null_alone_has_its_name_known_and_its_type_to_come() -> None:
    contract, remembered = contract_of(Schema.struct({"note": NULL}), schema_contract="freeze")
    contract.apply_batch(batch_of(None, {"note": None}, {"note": "a"}))
    assert known_of(remembered) == Schema.struct({"note": OPTIONAL_STRING})


def test_a_new_name_is_a_new_field_also_where_its_value_is_null() -> None:
    contract, _ = contract_of(schema_contract="discard.value")
    made = contract.apply_batch(batch_of(None, {"id": 1}, {"id": 2, "colour": None}))
    assert made.values == [{"id": 1}, {"id": 2}]
    assert [index for index, _ in contract.left_out] == [1]


def test_records_that_are_left_out_come_before_those_that_fail() -> None:
    contract, _ = contract_of(schema_contract_fields="freeze", schema_contract_types="discard.record")
    with pytest.raises(DiscardedError) as raised:
        contract.apply_batch(batch_of(None, {"id": 1, "new": 1}, {"id": "x"}))
    assert [bad.index for bad in raised.value.failed] == [1]


def test_a_growing_schema_without_end_is_refused() -> None:
    contract, _ = contract_of(None, schema_contract_types="freeze")
    with pytest.raises(DataError, match="more than 5000 fields") as raised:
        contract.apply_batch(batch_of(None, {f"f{n}": 1 for n in range(FIELDS_MAX + 1)}))
    assert raised.value.code == "contract.too_large"


def test_keys_that_are_data_teach_what_may_be_known_in_a_write_a_batch() -> None:
    contract, remembered = contract_of(schema_contract_types="freeze")
    contract.apply_batch(batch_of(None, *({f"a{n}": n} for n in range(300))))
    assert remembered.get("orders") is not None
    assert remembered.generation == 1
    with pytest.raises(DataError, match="more than 5000 fields") as raised:  # each in bounded time
        contract.apply_batch(batch_of(None, *({f"b{n}-{m}": n for m in range(500)} for n in range(11))))
    assert len(raised.value.failed) < 11
    assert len(known_of(remembered).fields) <= FIELDS_MAX


def test_what_was_decided_of_a_value_counts_for_those_that_look_like_it_until_more_is_known() -> None:
    contract, remembered = contract_of(ORDER, schema_contract="discard.value", schema_contract_widening="freeze")
    for extra in (1, 2):
        batch = contract.apply_batch(batch_of(None, {"id": 1, "size": extra}, {"id": 2, "size": 1 << 40}))
        assert list(batch.values) == [{"id": 1}, {"id": 2}]
        assert len(contract.left_out) == 2
    with pytest.raises(DataError, match="id: int32 is int64 now"):
        contract.apply_batch(batch_of(None, {"id": 1 << 40, "size": 1}))
    remembered.learn("orders", merged(ORDER, Schema.struct({"size": INT64})), after=1)
    batch = batch_of(None, {"id": 1, "size": 1})
    assert contract.apply_batch(batch) is batch


def test_values_that_do_not_agree_on_a_new_field_do_not_hide_behind_each_other() -> None:
    contract, remembered = contract_of(ORDER, schema_contract_types="freeze")
    with pytest.raises(DataError, match="size: int64 is string now") as raised:
        contract.apply_batch(batch_of(None, {"id": 1, "size": 1}, {"id": 2, "size": "L", "odd": 1}))
    assert [bad.index for bad in raised.value.failed] == [1]
    assert known_of(remembered).field("odd") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [({"a": ["x"]}, {"a": ["x", 5]}), ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": "x"}, {"b": 2}]})],
)
def test_frozen_an_item_of_another_type_does_not_hide_behind_those_before_it(first: Any, second: Any) -> None:
    contract, _ = contract_of(None, schema_contract="freeze")
    contract.apply_batch(batch_of(None, first))
    with pytest.raises(DataError, match=r"a\[\]"):
        contract.apply_batch(batch_of(None, second))


def test_a_value_that_is_nested_without_end_is_at_fault_alone_also_in_the_first_batch() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = {"a": deep}
    contract, _ = contract_of(None, schema_contract="freeze")
    with pytest.raises(DataError, match="nested too deeply") as raised:
        contract.apply_batch(batch_of(None, {"id": 1}, deep))
    assert [bad.index for bad in raised.value.failed] == [1]


@pytest.mark.parametrize("config", [{"schema_contract": "freeze"}, {"schema_compatibility": "BACKWARD"}])
def test_a_schema_that_is_nested_without_end_is_refused(config: dict[str, str]) -> None:
    schema = STRING
    for _ in range(400):
        schema = Schema.struct({"a": schema})
    contract, _ = contract_of(None, **config)
    with pytest.raises(DataError, match="nested too deeply"):
        contract.apply_batch(batch_of(schema, {"a": {}}))


MODE = st.sampled_from(["evolve", "freeze", "discard.value", "discard.record"])


def test_a_list_of_several_types_is_known_as_one_where_nothing_was_known_of_it() -> None:
    contract, remembered = contract_of(None, schema_contract="freeze")
    batch = batch_of(None, {"a": [1, "x"], "b": [1.5, 2]})
    assert contract.apply_batch(batch) is batch
    assert known_of(remembered) == Schema.struct(
        {"a": Schema.array(MIXED, optional=True), "b": Schema.array(FLOAT64, optional=True)}
    )
    batch = batch_of(None, {"a": [True, None, {"c": 1}], "b": []})
    assert contract.apply_batch(batch) is batch
    with pytest.raises(DataError, match=r"b\[\]: float64 is string now"):
        contract.apply_batch(batch_of(None, {"b": [1.5, "x"]}))


@settings(max_examples=50)
@given(DOCUMENTS, st.lists(DOCUMENTS, min_size=1, max_size=3), MODE, MODE, MODE)
def test_what_passes_fits_what_is_known_then(
    first: Any, values: list[Any], new: str, types: str, widening: str
) -> None:
    contract, remembered = contract_of(
        None, schema_contract_fields=new, schema_contract_types=types, schema_contract_widening=widening
    )
    contract.apply_batch(batch_of(None, first))
    batch = batch_of(None, *values)
    made = None
    while made is None and len(batch):
        try:
            made = contract.apply_batch(batch)
        except DataError as error:
            bad = {record.index for record in error.failed}
            assert bad
            batch = batch.select([index not in bad for index in range(len(batch))])
    for value in () if made is None else made.values:
        seen = schema_of(value, known_of(remembered))
        assert seen is not None
        left = {change.kind for change in changes_of(known_of(remembered), seen)}
        assert left <= ({"type"} if types == "evolve" else set())


# -- schema.compatibility --------------------------------------------------------------------------------------------


class Kept(Remembered):
    """Reads back what it has learned from JSON, as the store does."""

    def learn(self, topic: str, schema: Schema, *, after: int, earlier: Sequence[Schema] = ()) -> Known | None:
        assert self.generation < 5, "the same is learned again and again"
        return super().learn(topic, as_kept(schema), after=after, earlier=[as_kept(one) for one in earlier])


@pytest.mark.parametrize("default", [math.nan, memoryview(b"a")])
def test_a_schema_whose_default_reads_back_otherwise_is_learned_once(default: Any) -> None:
    kept = Kept()
    contract = Contract(ContractConfig.parse({"schema.compatibility": "FULL"}), kept, is_sink=False)
    schema = Schema.struct({"a": Schema("float64" if isinstance(default, float) else "bytes", default=default)})
    batch = batch_of(schema, {"a": None})
    assert contract.apply_batch(batch) is contract.apply_batch(batch) is batch
    assert kept.generation == 1


REQUIRED_MORE = Schema.struct({"id": INT32, "note": OPTIONAL_STRING, "colour": STRING})


@pytest.mark.parametrize(
    ("level", "schema", "is_allowed"),
    [
        ("BACKWARD", WITH_COLOUR, True),
        ("BACKWARD", REQUIRED_MORE, False),
        ("FORWARD", REQUIRED_MORE, True),
        ("full", WITH_COLOUR, True),
        ("full", REQUIRED_MORE, False),
        ("FORWARD", WIDER, False),
        ("BACKWARD", WIDER, True),
    ],
)
def test_a_source_compares_each_new_schema_with_the_one_before(level: str, schema: Schema, is_allowed: bool) -> None:
    contract, remembered = contract_of(schema_compatibility=level)
    batch = batch_of(schema, {"id": 1, "note": None, "colour": "red"})
    if is_allowed:
        assert contract.apply_batch(batch) is batch
        assert known_of(remembered) == schema
        # Who still has the schema before goes on.
        assert contract.apply_batch(batch_of(ORDER, {"id": 1, "note": None})).value_schema is ORDER
        assert known_of(remembered) == schema
    else:
        with pytest.raises(DataError) as raised:
            contract.apply_batch(batch)
        assert raised.value.code == "contract.incompatible"
        assert known_of(remembered) == ORDER


V1, V2 = ORDER.replace(version=1), WITH_COLOUR.replace(version=2)


@pytest.mark.parametrize("level", ["BACKWARD", "FULL"])
def test_a_sink_projects_onto_the_newest_schema(level: str) -> None:
    contract, remembered = contract_of(None, is_sink=True, schema_compatibility=level)
    contract.apply_batch(batch_of(V1, {"id": 1, "note": None}))
    contract.apply_batch(batch_of(V2, {"id": 1, "note": None, "colour": "red"}))
    assert known_of(remembered) == V2
    made = contract.apply_batch(batch_of(V1, {"id": 2, "note": "a"}, None))
    assert (made.values, made.value_schema) == ([{"id": 2, "note": "a"}, None], V2)


def test_a_sink_projects_onto_the_oldest_schema_where_it_is_forward() -> None:
    contract, remembered = contract_of(V2, is_sink=True, schema_compatibility="FORWARD")
    contract.apply_batch(batch_of(V1, {"id": 1, "note": None}))
    assert known_of(remembered) == V1
    made = contract.apply_batch(batch_of(V2, {"id": 2, "note": "a", "colour": "red"}))
    assert (made.values, made.value_schema) == ([{"id": 2, "note": "a"}], V1)


def test_a_sink_refuses_what_cannot_be_projected() -> None:
    contract, _ = contract_of(REQUIRED_MORE.replace(version=2), is_sink=True, schema_compatibility="BACKWARD")
    with pytest.raises(DataError, match="Required field `colour` is missing") as raised:
        contract.apply_batch(batch_of(V1, {"id": 1, "note": None}))
    assert raised.value.code == "contract.incompatible"


@pytest.mark.parametrize(("is_sink", "schema"), [(True, ORDER), (True, None), (False, None)])
def test_what_has_nothing_to_compare_is_refused(is_sink: bool, schema: Schema | None) -> None:
    contract, _ = contract_of(is_sink=is_sink, schema_compatibility="BACKWARD")
    with pytest.raises(DataError, match=r"schema\.compatibility=BACKWARD") as raised:
        contract.apply_batch(batch_of(schema, None, {"id": 1}))
    assert raised.value.code == "contract.no_schema"
    assert [bad.index for bad in raised.value.failed] == [1]
