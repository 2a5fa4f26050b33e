"""`FileConfigProvider`: properties and JSON files, and what is wrong with them told without a word of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError
from connect_providers import FileConfigProvider


def provider(**config: str) -> FileConfigProvider:
    made = FileConfigProvider()
    made.configure(made.config_class.parse({key.replace("_", "."): value for key, value in config.items()}))
    return made


def test_the_class_has_kafkas_name() -> None:
    assert FileConfigProvider.plugin_name() == "org.apache.kafka.common.config.provider.FileConfigProvider"


def test_keys_of_a_properties_file_are_read_as_java_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "p.properties"
    path.write_text("# users\nuser=anna\npassword = se\\u0063ret \\\n  two\nempty=\n", encoding="utf-8")
    assert provider().get(str(path), ["user", "password", "empty", "none"]).values == {
        "user": "anna",
        "password": "secret two",
        "empty": "",
    }
    assert set(provider().get(str(path)).values) == {"user", "password", "empty"}


def test_a_json_file_is_an_object_of_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"a": "x", "n": 5, "on": true}')
    assert provider().get(str(path)).values == {"a": "x", "n": "5", "on": "true"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("p.json", b'["hunter2"]', "a JSON object is expected, this is list"),
        ("p.json", b'{"a": {"hunter2": 1}}', "key 'a' must be text, a number or true or false, not dict"),
        ("p.json", b'{"a": hunter2}', "it is not JSON"),
        ("p.properties", b"a=hunter2\\uzz", "escape is malformed"),
        ("p.properties", b"a=hunter2\xff", "no UTF-8 text"),
        ("p.properties", b"a=hunter2" + b"x" * (1 << 20), "more than 1048576 bytes"),
    ],
)
def test_a_file_that_makes_no_sense_is_named_and_not_quoted(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        provider().get(str(path), ["a"])
    assert str(path) in caught.value.message
    assert told in caught.value.message
    assert "hunter2" not in repr(caught.value) + caught.value.message


def test_a_path_is_needed() -> None:
    with pytest.raises(ConfigError, match="a path is missing"):
        provider().get("", ["a"])


def test_values_hold_for_the_time_that_the_worker_says(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("a=1")
    assert provider(ttl_ms="5000").get(str(tmp_path / "p")).ttl_ms == 5000
    assert provider().get(str(tmp_path / "p")).ttl_ms is None
