"""Converters of equal settings share a client, and the last one closes it."""

from __future__ import annotations

import pytest

from connect.api import RetriableError
from connect_schemas.registry.settings import ClientSettings
from connect_schemas.registry.shared import Borrowed
from tests.support.schema_registry import memory_registry


def test_equal_settings_share_one_client_until_the_last_gives_it_back() -> None:
    with memory_registry() as registry:
        kept = registry.add("s", '"string"')
        settings = ClientSettings((registry.url,), retries_max=0)
        first, second, other = Borrowed(settings), Borrowed(settings), Borrowed(ClientSettings((registry.url,)))
        assert first.client is second.client
        assert first.client is not other.client
        first.give_back()
        first.give_back()
        assert second.client.by_id(kept.id).schema.text == '"string"'
        second.give_back()
        with pytest.raises(RetriableError, match="closed"):
            second.client.by_id(99)
        other.give_back()


def test_a_client_that_was_given_back_is_made_anew() -> None:
    settings = ClientSettings(("http://127.0.0.1:1",))
    first = Borrowed(settings)
    first.give_back()
    second = Borrowed(settings)
    assert second.client is not first.client
    second.give_back()
