"""A fix that can never work is refused with its operation; one that does not fit leaves the record."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, DataError
from connect.runtime.dead_letters.documents import Content
from connect.runtime.dead_letters.fixes import Patch, Transforms

CONTENT = Content(b"k", b'{"id": 7, "ok": true, "price": 1.10}', [("h", b"x")], 5)


def test_a_patch_changes_key_value_headers_and_timestamp() -> None:
    patched = Patch(
        [
            {"op": "test", "path": "/value/id", "value": 7},
            {"op": "replace", "path": "/value/id", "value": 8},
            {"op": "move", "from": "/value/ok", "path": "/value/fine"},
            {"op": "copy", "from": "/value/id", "path": "/value/was"},
            {"op": "replace", "path": "/key", "value": "k2"},
            {"op": "add", "path": "/headers/-", "value": {"name": "mended", "value": "yes"}},
            {"op": "remove", "path": "/headers/0"},
            {"op": "replace", "path": "/timestamp", "value": 6},
        ]
    ).patched(CONTENT)
    assert patched == Content(b"k2", b'{"id":8,"price":1.10,"fine":true,"was":8}', [("mended", b"yes")], 6)


@pytest.mark.parametrize(
    ("operations", "mentions"),
    [
        ({}, "no array of operations"),
        ([], "empty"),
        ([{"op": "add", "path": "/value/a", "value": 1}, 7], "operation 2 of the patch (7): an object"),
        ([{"op": "eval", "path": "/value"}], 'op is "eval"; add'),
        ([{"op": ["add"], "path": "/value"}], "op is"),
        ([{"op": "add", "path": "/value/a"}], "member 'value' is missing"),
        ([{"op": "add", "value": 1}], "member 'path' is missing"),
        ([{"op": "copy", "path": "/value/a"}], "member 'from' is missing"),
        ([{"op": "remove", "path": "/offset"}], "a record has /key, /value, /headers, /timestamp"),
        ([{"op": "remove", "path": ""}], "a record has"),
        ([{"op": "remove", "path": "value"}], "a record has"),
        ([{"op": "remove", "path": "/value/~7"}], "no JSON pointer"),
        ([{"op": "remove", "path": "/value", "why": 1}], "member 'why' is unknown"),
        ([{"op": "move", "from": "/value", "path": "/value/a"}], "moved into itself"),
        ([{"op": "remove", "path": "/value"}] * 1001, "1000 are taken"),
    ],
)
def test_a_patch_that_can_never_work_is_refused_with_its_operation(operations: Any, mentions: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Patch(operations)
    assert raised.value.code == "dlq.fix"
    assert mentions in raised.value.message, raised.value.message


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/value/missing"},
        {"op": "replace", "path": "/value/a/b", "value": 1},
        {"op": "test", "path": "/value/ok", "value": 1},
        {"op": "test", "path": "/value/none", "value": 1},
        {"op": "add", "path": "/headers/9", "value": {"name": "x"}},
        {"op": "add", "path": "/key/x", "value": 1},
        {"op": "replace", "path": "/timestamp", "value": "now"},
    ],
)
def test_what_does_not_fit_a_record_is_told_and_leaves_it(operation: Any) -> None:
    found = Patch([operation]).patched(CONTENT)
    assert isinstance(found, DataError)
    assert "operation 1 of the patch" in found.message or "leaves no record" in found.message


def test_copies_of_copies_end_before_the_memory_does() -> None:
    doubling = [{"op": "copy", "from": "/value", "path": f"/value/x{n}"} for n in range(60)]
    grown = Patch(doubling).patched(CONTENT)
    assert isinstance(grown, DataError)
    assert "grows beyond" in grown.message
    deep = Patch([{"op": "copy", "from": "/value", "path": "/value/x"}] * 1000).patched(CONTENT)
    assert isinstance(deep, DataError) and "nested deeper than 100" in deep.message
    added = [{"op": "add", "path": "/value" + "/x" * n, "value": {}} for n in range(1, 200)]
    assert "nested deeper than 100" in str(Patch(added).patched(CONTENT))


def test_a_removed_value_is_a_tombstone() -> None:
    assert Patch([{"op": "remove", "path": "/value"}]).patched(CONTENT) == Content(b"k", None, [("h", b"x")], 5)


@pytest.mark.parametrize(
    ("keys", "mentions"),
    [({"transforms": " "}, "names no transform"), ({"transforms": "a", "topics": "x"}, "'topics' of the fix")],
)
def test_keys_that_are_no_transforms_are_refused(keys: dict[str, str], mentions: str) -> None:
    with pytest.raises(ConfigError, match=mentions):
        Transforms(keys, None)  # type: ignore[arg-type]
