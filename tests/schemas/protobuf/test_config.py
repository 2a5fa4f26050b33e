"""The keys of ProtobufConverter."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_schemas.protobuf.config import ProtobufConverterConfig
from connect_schemas.protobuf.options import Options

URL = {"schema.registry.url": "http://localhost:8081"}


def test_the_defaults_are_confluents() -> None:
    assert ProtobufConverterConfig.parse(URL).options() == Options()


def test_each_key_is_a_switch_of_its_own() -> None:
    keys = {
        "enhanced.protobuf.schema.support": "enhanced", "scrub.invalid.names": "scrub",
        "generalized.sum.type.support": "generalized", "ignore.default.for.nullables": "ignore_defaults",
        "int.for.enums": "int_for_enums", "optional.for.nullables": "optional",
        "optional.for.proto2": "proto2_optional", "wrapper.for.nullables": "wrapper",
        "wrapper.for.raw.primitives": "raw_wrapper", "generate.struct.for.nulls": "struct_for_nulls",
        "generate.index.for.unions": "union_index", "flatten.unions": "flatten",
    }  # fmt: skip
    assert set(keys.values()) == set(Options.__slots__)
    for key, name in keys.items():
        default = getattr(Options(), name)
        changed = ProtobufConverterConfig.parse({**URL, key: str(not default).lower()}).options()
        different = [one for one in Options.__slots__ if getattr(changed, one) != getattr(Options(), one)]
        assert different == [name]


def test_what_is_about_references_that_are_written_is_refused() -> None:
    ProtobufConverterConfig.parse({**URL, "skip.known.types": "true"})
    for key, value in (
        ("skip.known.types", "false"),
        ("reference.lookup.only", "true"),
        ("reference.subject.name.strategy", "com.example.Mine"),
    ):
        with pytest.raises(ConfigError, match=f"Invalid value {value} for configuration {key}"):
            ProtobufConverterConfig.parse({**URL, key: value})
