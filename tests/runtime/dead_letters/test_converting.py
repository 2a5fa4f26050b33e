"""Letters through the converters of their connectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError, ConnectError, RetriableError
from connect.runtime.dead_letters.converting import Converting
from connect.runtime.dead_letters.documents import Content
from connect.runtime.dead_letters.letters import Cause, Letter
from tests.support.dead_letters import file_sink
from tests.support.worker import JSON, STRING, RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


def converting(worker: RunningWorker, tmp_path: Path, **more: dict[str, str]) -> Converting:
    configs = {"s": file_sink(tmp_path), **more}
    herder = worker.herder

    async def resolved_of(name: str) -> dict[str, str] | None:
        if name == "sealed":
            raise RetriableError("the vault is sealed")
        return configs.get(name)

    return Converting(herder.plugins, herder.worker_config, herder.checks, resolved_of)


def letter(value: bytes | None, *, cause: Cause | None = None, **more: Any) -> Letter:
    own = {"connector": "s", "topic": "orders", "original_partition": 0, "original_offset": 3, **more}
    return Letter("dead", 0, 1, 5, b"k", value, [("h", b"x")], cause or Cause(), **own)


async def test_a_letter_is_decoded_by_its_connectors_converters_or_says_why_not(
    worker: RunningWorker, tmp_path: Path
) -> None:
    found = converting(worker, tmp_path)
    assert await found.decoded(letter(b'{"n": 1}')) == {
        "key": "k", "key_schema": "STRING", "value": {"n": 1}, "value_schema": None,
    }  # fmt: skip
    assert "serialization error" in str(await found.decoded(letter(b"{")))
    assert "no connector here" in str(await found.decoded(letter(b"1", connector="gone")))
    assert await found.decoded(letter(b"1", connector="sealed")) == "the vault is sealed"
    assert "a source's record" in str(await found.decoded(letter(b"1", source_offset="{}")))


async def test_transforms_change_records_one_by_one(worker: RunningWorker, tmp_path: Path) -> None:
    found = converting(worker, tmp_path)
    keys = {"transforms": "t", "transforms.t.type": "ReplaceField$Value", "transforms.t.exclude": "n"}
    letters = [
        letter(b'{"n":1,"m":2}'),
        letter(b"{"),
        letter(b'{"n":1}', connector="gone"),
        letter(b'{"n":1}', connector="sealed"),
    ]
    pairs = [(one, Content(one.key, one.value, one.headers, one.timestamp)) for one in letters]
    good, bad, gone, sealed = await found.transformed(pairs, keys)
    assert good == Content(b"k", b'{"m":2}', [("h", b"x")], 5)
    assert isinstance(bad, ConnectError) and "serialization error" in bad.message
    assert isinstance(gone, ConnectError) and "there is no connector 'gone'" in gone.message
    assert isinstance(sealed, ConnectError) and sealed.message == "the vault is sealed"


@pytest.mark.parametrize(
    ("keys", "mentions"),
    [
        ({"transforms.t.type": "Filter"}, "drop the record"),
        ({"transforms.t.type": "RegexRouter", "transforms.t.regex": ".*", "transforms.t.replacement": "x"}, "move the"),
    ],
)
async def test_transforms_that_drop_or_move_a_record_do_not_fit(
    worker: RunningWorker, tmp_path: Path, keys: dict[str, str], mentions: str
) -> None:
    one = letter(b'{"n":1}')
    content = Content(one.key, one.value, one.headers, one.timestamp)
    (told,) = await converting(worker, tmp_path).transformed([(one, content)], {"transforms": "t", **keys})
    assert isinstance(told, ConnectError) and mentions in told.message


async def test_transforms_that_cannot_be_made_are_refused(worker: RunningWorker, tmp_path: Path) -> None:
    for keys in ({"transforms": "t"}, {"transforms": "t", "transforms.t.type": "None"}):
        with pytest.raises(ConfigError):
            await converting(worker, tmp_path).check_transforms(keys)


async def test_a_sources_record_goes_through_the_steps_from_the_failed_one_on(
    worker: RunningWorker, tmp_path: Path
) -> None:
    insert = lambda field: {"type": "InsertField$Value", "static.field": field, "static.value": "1"}  # noqa: E731
    keys = {f"transforms.{a}.{k}": v for a in ("a", "b") for k, v in insert(a).items()}
    source = {"connector.class": "FileStreamSource", "transforms": "a,b", **keys}
    source |= {"key.converter": STRING, "value.converter": JSON, "value.converter.schemas.enable": "false"}
    found = converting(worker, tmp_path, src=source)
    content = Content(b'"k"', b'{"n":1}', [], 5)
    form: dict[str, Any] = {"connector": "src", "key_form": "json", "value_form": "json"}
    failed = letter(b"", cause=Cause(stage="TRANSFORMATION", alias="b"), **form)
    out = await found.outgoing(failed, content)
    assert (out.topic, out.columns.keys, out.columns.values) == ("orders", [b"k"], [b'{"n":1,"b":"1"}'])
    converter = await found.outgoing(letter(b"", cause=Cause(stage="VALUE_CONVERTER"), **form), content)
    assert converter.columns.values == [b'{"n":1}']
    with pytest.raises(ConnectError, match="has no transform 'c' any more"):
        await found.outgoing(letter(b"", cause=Cause(stage="TRANSFORMATION", alias="c"), **form), content)
    with pytest.raises(ConnectError, match="the letter's JSON cannot be read"):
        await found.outgoing(letter(b"", **form), Content(None, b"{", [], 5))


async def test_a_sources_record_keeps_every_digit_of_its_integers(worker: RunningWorker, tmp_path: Path) -> None:
    found = converting(worker, tmp_path)
    wide, form = str(1 << 100), {"source_offset": "{}", "key_form": "json", "value_form": "json"}
    one = letter(b"", **form)
    content = Content(None, f'{{"n":{wide},"m":1.5}}'.encode(), [], 5)
    keys = {"transforms": "t", "transforms.t.type": "ReplaceField$Value", "transforms.t.exclude": "m"}
    (made,) = await found.transformed([(one, content)], keys)
    assert isinstance(made, Content)
    assert made.value == f'{{"n":{wide}}}'.encode()
    (bad,) = await found.transformed([(one, Content(None, b'{"n":NaN}', [], 5))], keys)
    assert isinstance(bad, ConnectError) and "the letter's JSON cannot be read" in bad.message
