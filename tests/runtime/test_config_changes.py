from __future__ import annotations

from pathlib import Path

from connect.runtime.config_changes import KeyChange, key_changes
from tests.support.worker import running_worker


async def test_keys_that_differ_are_told_in_order_and_secrets_are_not_shown(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        before = {"a": "1", "same": "x", "my.password": "old-secret", "token": "${env:TOKEN}", "gone": "1"}
        after = {"a": "2", "same": "x", "my.password": "new-secret", "token": "${env:OTHER}", "new": "1"}
        found = key_changes(worker.herder.plugins, before, after)
    assert found == (
        KeyChange("a", "1", "2"),
        KeyChange("gone", "1", None),
        KeyChange("my.password", "[hidden]", "[hidden]"),
        KeyChange("new", None, "1"),
        KeyChange("token", "${env:TOKEN}", "${env:OTHER}"),
    )
    assert [change.key for change in found if change.is_hidden] == ["my.password"]


async def test_a_connector_that_is_not_there_has_no_keys(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        assert key_changes(worker.herder.plugins, None, {"a": "1"}) == (KeyChange("a", None, "1"),)
        assert key_changes(worker.herder.plugins, {"a": "1"}, None) == (KeyChange("a", "1", None),)
        assert key_changes(worker.herder.plugins, None, None) == ()
