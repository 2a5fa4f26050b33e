"""A resolved config: what may be stored and shown of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect.runtime import secrets
from connect.runtime.plugins import PluginHost
from connect.runtime.providers.resolved import forms_of, resolved_of, resolved_task, stored

CONFIG = {"url": "jdbc://u:${v:p:pw}@h", "pw": "${v:p:pw}", "n": "${v:p:n}", "plain": "x", "null": None}
VALUES = {"${v:p:pw}": "hunter2 & more", "${v:p:n}": "12"}


def test_each_reference_has_its_value_and_nothing_else_changes() -> None:
    found = resolved_of(CONFIG, VALUES, 50)
    assert found.config == {
        "url": "jdbc://u:hunter2 & more@h",
        "pw": "hunter2 & more",
        "n": "12",
        "plain": "x",
        "null": None,
    }
    assert found.written == CONFIG
    assert set(found.parts) == {"url", "pw", "n"}
    assert found.ttl_ms == 50
    assert "null" not in found.texts


def test_a_reference_without_a_value_stays() -> None:
    found = resolved_of({"a": "${v:x}-${v:y}"}, {"${v:x}": "1"})
    assert found.config == {"a": "1-${v:y}"}
    assert stored(found.parts) == {"a": "${v:x}-${v:y}"}


def test_a_tasks_config_is_stored_with_references_and_run_with_the_values_of_then() -> None:
    found = resolved_of(CONFIG, VALUES)
    task = {
        **found.texts,
        "made": "user=u;password=hunter2 & more",
        "encoded": "pw=hunter2%20%26%20more",
        "number": "12",
        "data": "${v:p:pw}",
    }
    parts = found.parts_of_task(task)
    assert stored(parts) == {
        **{key: value for key, value in CONFIG.items() if value is not None},
        "made": "user=u;password=${v:p:pw}",
        "encoded": "pw=[hidden]",
        "number": "12",
        "data": "${v:p:pw}",
    }
    assert resolved_task(parts, found) == task
    later = resolved_of(CONFIG, {"${v:p:pw}": "another", "${v:p:n}": "13"})
    assert resolved_task(parts, later) == {
        **later.texts,
        "made": "user=u;password=another",
        "encoded": "pw=hunter2%20%26%20more",
        "number": "12",
        "data": "${v:p:pw}",  # what a plugin made of its data is no reference
    }


def test_a_key_that_the_connector_changed_keeps_its_change() -> None:
    found = resolved_of({"tables": "${v:t}"}, {"${v:t}": "orders,users"})
    assert resolved_task(found.parts_of_task({"tables": "orders"}), found) == {"tables": "orders"}


@given(st.text(min_size=6, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_of_a_text_around_a_value_no_run_of_it_is_left(value: str, before: str, after: str) -> None:
    found = resolved_of({"k": "${v:x}"}, {"${v:x}": value})
    text = found.hide(f"{before}{value}{after}")
    assert not any(value[at : at + 6] in text.replace("[hidden]", "") for at in range(len(value) - 5)) or (
        "[hidden]" in value
    )


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("root:x:0,daemon:x:1", "no table 'daemon:x:1' in HUNTER", "no table '[hidden]' in HUNTER"),
        ("hunter2-secret", "'HUNTER2-SECRET' is no number", "'[hidden]' is no number"),
        ("hunter2-secret", "starts with hunter2…", "starts with [hidden]…"),
        ("two\nlines", "'two\\nlines'", "'[hidden]'"),
        ("p@ss w0rd", "url p%40ss%20w0rd", "url [hidden]"),
        ("abc", "abc is no abcd, said abc", "[hidden] is no abcd, said [hidden]"),
        ("", "nothing", "nothing"),
        (" ", "a b", "a b"),
    ],
)
def test_what_quotes_a_value_or_a_piece_of_it_is_hidden(value: str, text: str, shown: str) -> None:
    assert resolved_of({"k": "${v:x}"}, {"${v:x}": value}).hide(text) == shown


def test_a_status_stays_readable_and_tells_no_longer_part_of_a_value() -> None:
    found = resolved_of({"k": "${v:x}", "s": "${v:s}"}, {"${v:x}": "/srv/hunter2/secrets/in", "${v:s}": "1"})
    text = "File connect/runtime/x.py, line 1: folder '/srv/hunter2/secrets' of /srv/other is not there"
    assert found.hide_in_status(text) == (
        "File connect/runtime/x.py, line 1: folder '[hidden]' of /srv/other is not there"
    )


def test_an_error_of_a_check_is_told_without_the_values() -> None:
    found = resolved_of({"k": "${v:x}"}, {"${v:x}": "hunter2-secret"})
    with pytest.raises(ConfigError) as caught, found.kept_out():
        raise ConfigError("no class hunter2-secret", hint="is it hunter2-secret?")
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_values_are_taken_out_of_every_message_from_then_on_and_switches_are_not() -> None:
    config = {"k": "${v:list}", "on": "${v:on}", "n": "${v:n}"}
    values = {"${v:list}": "orange-one,\n orange-two ", "${v:on}": "true", "${v:n}": "12345"}
    resolved_of(config, values).remember(PluginHost())
    text = "it is true that 12345 met orange-one and 'orange-two'"
    assert secrets.redact(text) == "it is true that 12345 met [hidden] and '[hidden]'"


def test_a_file_of_many_lines_is_remembered_within_bounds() -> None:
    assert len(forms_of("\n".join(f"line-{number}" for number in range(100_000)))) < 3000
