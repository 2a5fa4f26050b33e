"""Signals: what they may say, and that only who has the config can send one as a message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connect.api import ConfigError, Signal
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.signals import Request, message_of, request_of, signal_of_message

KEYS = {
    "database.hostname": "h",
    "database.dbname": "d",
    "database.user": "u",
    "database.password": "secret",
    "topic.prefix": "p",
}
CONFIG = CdcConfig.parse(KEYS)
SIGNAL = Signal("a", "execute-snapshot", {"data-collections": ["public.t"], "b": {"z": 1, "a": 1.5}})


def test_a_message_brings_the_signal_that_was_sent() -> None:
    assert signal_of_message(message_of(SIGNAL, CONFIG).encode(), CONFIG) == SIGNAL


def test_the_mark_does_not_depend_on_the_order_of_keys() -> None:
    body = json.loads(message_of(SIGNAL, CONFIG))
    turned = json.dumps(dict(reversed(body.items())))
    assert signal_of_message(turned.encode(), CONFIG) == SIGNAL


@pytest.mark.parametrize("other", [{"database.password": "other"}, {"topic.prefix": "q"}])
def test_a_message_of_another_config_is_refused(other: dict[str, str]) -> None:
    sent = message_of(SIGNAL, CdcConfig.parse({**KEYS, **other})).encode()
    with pytest.raises(ConfigError, match="was not sent by POST"):
        signal_of_message(sent, CONFIG)


def test_a_message_that_was_changed_on_its_way_is_refused() -> None:
    sent = message_of(SIGNAL, CONFIG).replace("public.t", "public.u").encode()
    with pytest.raises(ConfigError, match="was not sent by POST"):
        signal_of_message(sent, CONFIG)


def test_a_message_does_not_show_the_password() -> None:
    assert "secret" not in message_of(SIGNAL, CONFIG)


def test_debeziums_data_makes_sense() -> None:
    data = {
        "type": "INCREMENTAL",
        "data-collections": ["public.a", "public.b"],
        "additional-conditions": [{"data-collection": "public.a", "filter": "x = 1"}],
        "additional-condition": "y = 2",
        "surrogate-key": "n",
    }
    assert request_of(Signal("s", "execute-snapshot", data)) == Request(
        "s", "execute-snapshot", ("public.a", "public.b"), (("public.a", "x = 1"), (".*", "y = 2")), "n"
    )
    assert request_of(Signal("s", "stop-snapshot", {})) == Request("s", "stop-snapshot")
    assert request_of(Signal("s", "pause-snapshot", {"type": "incremental"})) == Request("s", "pause-snapshot")


@pytest.mark.parametrize(
    "data",
    [
        {"data-collections": []},
        {"data-collections": [1]},
        {"data-collections": ["a"], "additional-conditions": {"a": "b"}},
        {"data-collections": ["a"], "additional-conditions": [{"data-collection": "a"}]},
        {"data-collections": ["a"], "additional-conditions": [{"data-collection": "a", "filter": ""}]},
        {"data-collections": ["a"], "additional-conditions": [{"data-collection": "a", "filter": "x" * 10_001}]},
        {"data-collections": ["a"], "additional-condition": "a\0b"},
        {"data-collections": ["a"], "surrogate-key": 7},
        {"data-collections": ["a"], "type": ["incremental"]},
    ],
)
def test_data_of_another_kind_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        request_of(Signal("s", "execute-snapshot", data))
    assert caught.value.code == "connector.signal_refused"
