"""The keys of the folder sink, by themselves and together."""

import pytest

from connect.api import ConfigError
from connect_file.folder.config import FolderSinkConfig

PACKAGE = "io.confluent.connect.storage.partitioner."


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "${topic}/partition=${partition}/"),
        (
            {"partitioner.class": PACKAGE + "FieldPartitioner", "partition.field.name": "a,b.c"},
            "${topic}/a=${field:a}/b.c=${field:b.c}/",
        ),
        ({"partitioner.class": "TimeBasedPartitioner", "path.format": "yyyy/MM"}, "${topic}/${time:yyyy/MM}/"),
        ({"partitioner.class": "DailyPartitioner"}, "${topic}/${time:'year'=yyyy/'month'=MM/'day'=dd}/"),
        (
            {"partitioner.class": PACKAGE + "HourlyPartitioner"},
            "${topic}/${time:'year'=yyyy/'month'=MM/'day'=dd/'hour'=HH}/",
        ),
    ],
)
def test_a_partitioner_is_a_template(keys, text):
    config = FolderSinkConfig.parse({"folder": "/data", **keys})
    assert config.template_text == text + "${topic}+${partition}+${start_offset}"


def test_places_in_a_path_are_no_references_to_config_providers():
    assert FolderSinkConfig.keys()["path.template"].placeholders == ("field", "time")


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"folder": ""}, "non-empty"),
        ({"format": "avro"}, "json, lines, csv, whole, parquet"),
        ({"flush.size": "0"}, "at least 1"),
        ({"partitioner.class": "MyPartitioner"}, "expected one of DefaultPartitioner"),
        ({"partitioner.class": "FieldPartitioner"}, "partition.field.name is missing"),
        ({"partitioner.class": "FieldPartitioner", "partition.field.name": "a/b"}, "cannot name a folder"),
        ({"partitioner.class": "TimeBasedPartitioner"}, "path.format is missing"),
        ({"partitioner.class": "TimeBasedPartitioner", "path.format": "QQ"}, "'QQ' is not known"),
        ({"partitioner.class": "TimeBasedPartitioner", "path.format": "'}'"}, "without }"),
        ({"path.template": "../${start_offset}"}, "a path within the folder"),
        ({"timestamp.extractor": "RecordField"}, "timestamp.field is missing"),
        ({"timezone": "Mars/Base"}, "name of a time zone"),
        ({"format": "parquet", "compression.type": "gzip"}, "parquet.codec"),
        ({"format": "csv", "behavior.on.null.values": "write"}, "nothing for a null"),
        ({"csv.quote": ";", "csv.delimiter": ";"}, "same character"),
        ({"file.extension": "/../x"}, "a dot and some"),
        ({"fsync.policy": "sometimes"}, "always, never"),
    ],
)
def test_a_config_that_is_none_is_refused_with_what_was_expected(keys, why):
    with pytest.raises(ConfigError, match=why):
        FolderSinkConfig.parse({"folder": "/data", **keys})
