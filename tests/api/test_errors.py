from __future__ import annotations

import pickle
from typing import Any

import pytest

import connect.api.errors as errors
from connect.api import InvalidConfigError, Problem, invalid_config
from connect.api.error_codes import CODES
from connect.api.errors import ConfigError, ConnectError, DataError, FailedRecord, RetriableError, SchemaError

ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, ConnectError)]


def test_the_hint_is_the_codes_own_unless_the_raiser_knows_better() -> None:
    assert ConfigError("x").hint == CODES["config.invalid"].hint
    assert ConfigError("x", hint="Do this.").hint == "Do this."


def test_every_error_class_has_a_registered_default_code() -> None:
    assert len(ERRORS) > 10
    for cls in ERRORS:
        assert cls.default_code in CODES, cls


def test_the_tree_that_the_module_shows_has_every_class() -> None:
    for cls in ERRORS:
        assert cls.__name__ in (errors.__doc__ or ""), cls


def _all_of(error: ConnectError) -> dict[str, Any]:
    return {"text": str(error), "status": error.status, "exit_code": error.exit_code, **vars(error)}


@pytest.mark.parametrize("cls", ERRORS)
def test_an_error_comes_whole_through_pickle(cls: type[ConnectError]) -> None:
    error = cls("it broke", code="timeout", hint="Mend it.", config_path="a.b")
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is cls
    assert _all_of(found) == _all_of(error)


def test_what_an_error_says_beyond_its_message_comes_through_pickle_too() -> None:
    assert pickle.loads(pickle.dumps(RetriableError("later", retry_after_ms=7))).retry_after_ms == 7
    problems = [Problem("a", "a is missing"), Problem("b", "b is no number")]
    found = pickle.loads(pickle.dumps(invalid_config(problems)))
    assert type(found) is InvalidConfigError
    assert found.problems == tuple(problems)
    assert _all_of(found) == _all_of(invalid_config(problems))


def test_an_error_goes_through_a_pickle_with_the_records_that_it_names() -> None:
    error = DataError("two are bad", failed=[FailedRecord(0, "a"), (3, "b")], hint="Mend them.")
    again = pickle.loads(pickle.dumps(error))
    assert (again.message, again.hint, again.code) == ("two are bad", "Mend them.", "data.invalid")
    assert again.failed == (FailedRecord(0, "a"), (3, "b"))


def test_what_an_error_knows_of_its_cause_goes_through_a_pickle() -> None:
    named = FailedRecord(1, "too long", {"column": "name"})
    error = pickle.loads(pickle.dumps(DataError("bad", failed=[named], details={"sqlstate": "22001"})))
    assert (error.details, error.failed) == ({"sqlstate": "22001"}, (named,))
    assert DataError("bad").details == {}
    assert hash(named) == hash(FailedRecord(1, "too long", {"column": "name"}))


def test_a_data_error_names_no_record_unless_it_is_told_to() -> None:
    assert SchemaError("x").failed == ()


def test_a_refusal_of_the_log_has_the_number_of_kafkas_protocol() -> None:
    numbers = {cls.__name__: cls.kafka_error for cls in ERRORS if issubclass(cls, errors.LogError)}
    assert numbers == {
        "LogError": -1,  # UNKNOWN_SERVER_ERROR
        "OffsetOutOfRangeError": 1,
        "CorruptBatchError": 2,
        "UnknownTopicOrPartitionError": 3,
        "RecordTooLargeError": 10,
        "InternalTopicError": 17,
        "IllegalGenerationError": 22,
        "OutOfOrderSequenceError": 45,
        "TransactionStateError": 48,
        "InvalidRecordError": 87,
        "ProducerFencedError": 90,
    }
