"""What a datagen config must say, and what is said when it does not."""

import json
import os
import random

import pytest

from connect.api import InvalidConfigError
from connect_datagen.config import SCHEMA_BYTES_MAX, DatagenConfig

FIELDS = [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]
RECORD = json.dumps({"type": "record", "name": "r", "fields": FIELDS})


def problem_of(**config):
    """Return the one problem of a config, as its key and message."""
    with pytest.raises(InvalidConfigError) as caught:
        DatagenConfig.parse({"kafka.topic": "t", **config})
    [problem] = caught.value.problems
    return problem.key, problem.message


def test_the_keys_are_confluents_with_their_defaults():
    defaults = {name: key.default_text for name, key in DatagenConfig.keys().items()}
    assert defaults == {
        "kafka.topic": None,
        "max.interval": "500",
        "iterations": "-1",
        "schema.string": "",
        "schema.filename": "",
        "schema.keyfield": "",
        "quickstart": "",
        "random.seed": None,
        # Beyond Confluent's.
        "model.string": "",
        "model.filename": "",
        "schema.format": "avro",
        "rate": "",
        "time.start": "",
        "time.speedup": "1.0",
        "late.share": "0.0",
        "late.max.ms": "60000",
    }


def test_no_schema_at_all_names_the_keys():
    keys = "quickstart, schema.string, schema.filename, model.string, model.filename"
    assert problem_of() == (
        "quickstart",
        f"Exactly one of {keys} must be set; found none",
    )


def test_two_schemas_are_named():
    _, message = problem_of(**{"quickstart": "users", "schema.string": RECORD})
    assert message.endswith("found quickstart and schema.string")


def test_an_unknown_quickstart_gets_the_nearest():
    _, message = problem_of(quickstart="user")
    assert message.startswith("Invalid value user for configuration quickstart: quickstarts are campaign_finance, ")
    assert message.endswith("transactions, users, users_; the nearest is users")


@pytest.mark.parametrize(
    ("name", "nearest"), [("credit_card", "credit_cards"), ("shoe", "shoes"), ("purchase", "purchases")]
)
def test_the_nearest_quickstart_is_the_one_that_was_meant(name, nearest):
    assert problem_of(quickstart=name)[1].endswith(f"; the nearest is {nearest}")


def test_a_quickstart_that_is_like_none_gets_the_list_alone():
    assert problem_of(quickstart="zzz")[1].endswith("users, users_")


def test_a_quickstart_may_be_in_any_case():
    assert DatagenConfig.parse({"kafka.topic": "t", "quickstart": "ORDERS"}).key_field == "orderid"


def test_a_missing_key_field_names_the_fields_there_are():
    key, message = problem_of(**{"schema.string": RECORD, "schema.keyfield": "c"})
    assert key == "schema.keyfield"
    assert message.endswith("the schema has no such field; its fields are a, b")


def test_a_schema_file_that_is_not_there_is_named(tmp_path):
    file = str(tmp_path / "no.avsc")
    assert problem_of(**{"schema.filename": file}) == (
        "schema.filename",
        f"Invalid value {file} for configuration schema.filename: the file cannot be read: No such file or directory",
    )


def test_a_schema_file_that_is_not_text_is_refused(tmp_path):
    file = tmp_path / "bytes.avsc"
    file.write_bytes(b"\xff\xfe")
    assert "the file is not UTF-8 text" in problem_of(**{"schema.filename": str(file)})[1]


def test_a_schema_file_is_read(tmp_path):
    file = tmp_path / "r.avsc"
    file.write_text(RECORD)
    config = DatagenConfig.parse({"kafka.topic": "t", "schema.filename": str(file)})
    record, column = config.compile(random.Random(0), 1)
    [value] = column(random.Random(0), 0, 1)
    assert list(record.fields) == list(value) == ["a", "b"]


@pytest.mark.parametrize(
    ("file", "name"),
    [("users_schema.avro", "users"), ("users_array_map_schema.avro", "users_"), ("purchase.avro", "purchases"),
     ("stores.avro", "stores")],
)  # fmt: skip
def test_a_file_that_confluent_s_connector_has_with_it_is_the_quickstart_s_schema(file, name):
    record, _ = DatagenConfig.parse({"kafka.topic": "t", "schema.filename": file}).compile(random.Random(0), 1)
    bundled, _ = DatagenConfig.parse({"kafka.topic": "t", "quickstart": name}).compile(random.Random(0), 1)
    assert record.schema == bundled.schema
    assert DatagenConfig.parse({"kafka.topic": "t", "schema.filename": file}).key_field is None


def test_a_file_of_one_s_own_goes_before_one_that_confluent_s_connector_has_with_it(tmp_path, monkeypatch):
    (tmp_path / "users_schema.avro").write_text(RECORD)
    monkeypatch.chdir(tmp_path)
    config = DatagenConfig.parse({"kafka.topic": "t", "schema.filename": "users_schema.avro"})
    assert list(config.compile(random.Random(0), 1)[0].fields) == ["a", "b"]


def test_a_missing_file_with_the_name_of_a_bundled_schema_is_told_of_the_quickstart():
    for file, name in (("/x/users_schema.avro", "users"), ("purchase.avsc", "purchases"), ("/x/store.avro", "stores")):
        message = problem_of(**{"schema.filename": file})[1]
        assert message.endswith(f"schemas that are bundled have names of their own: quickstart={name}")
    assert "quickstart=" not in problem_of(**{"schema.filename": "/nowhere/else.avsc"})[1]


def test_a_schema_file_that_has_gone_when_the_task_starts_is_a_config_error(tmp_path):
    file = tmp_path / "r.avsc"
    file.write_text(RECORD)
    config = DatagenConfig.parse({"kafka.topic": "t", "schema.filename": str(file)})
    file.unlink()
    with pytest.raises(InvalidConfigError, match="the file cannot be read"):
        config.compile(random.Random(0), 1)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is nested too deeply"),
        ('"int"', "its outermost type must be a record, not int"),
        ('{"type": "record", "name": "r", "fields": [{"name": "a", "type": "integer"}]}',
         "field 'a': unknown Avro type 'integer'"),
        ('{"type": "object", "properties": {}}', "'object'; is it a JSON Schema? set schema.format=json"),
        ('{"$schema": "x", "anyOf": []}', "is it a JSON Schema? set schema.format=json"),
    ],
)  # fmt: skip
def test_a_schema_that_is_wrong_is_a_problem_of_its_key(schema, message):
    key, text = problem_of(**{"schema.string": schema})
    assert key == "schema.string"
    assert message in text


def test_a_schema_file_that_is_a_pipe_or_far_too_large_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b" " * (SCHEMA_BYTES_MAX + 1))
    assert "not a regular file" in problem_of(**{"schema.filename": str(tmp_path / "pipe")})[1]
    assert "more than 1048576 bytes" in problem_of(**{"schema.filename": str(tmp_path / "large")})[1]


PERSON = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}, "required": ["id"]}


def test_a_json_schema_is_taken_where_the_format_says_so():
    given = {"kafka.topic": "t", "schema.string": json.dumps(PERSON), "schema.format": "JSON", "schema.keyfield": "id"}
    config = DatagenConfig.parse(given)
    assert {frozenset(value) for value in config.json_column()(random.Random(1), 0, 99)} == {
        frozenset({"id"}),
        frozenset({"id", "name"}),
    }


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"schema.string": "{}"}, "schema.string", "at '/': the outermost values must be objects"),
        ({"schema.keyfield": "name"}, "schema.keyfield", "not every value of the schema has it"),
        ({"schema.string": "", "quickstart": "users"}, "schema.format", "is not for a quickstart"),
        ({"schema.format": "xml"}, "schema.format", "Invalid value xml"),
        ({"schema.string": "", "schema.filename": "no.json"}, "schema.filename", "the file cannot be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_json_schema_is_told_by_key(changes, key, message):
    given = {"schema.string": json.dumps(PERSON), "schema.format": "json", **changes}
    found, text = problem_of(**given)
    assert found == key
    assert message in text
