"""Letters through the converters of the connector that failed on them: to be shown, transformed, and sent by sources.

Plugin code, so it runs on a thread with a deadline; see `connect.runtime.validation.checking`.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Final, TypeVar

from connect.api import Batch, ConnectError, DataError, NotFoundError, Schema
from connect.records import Columns, FetchedBatch
from connect.runtime.clock import now_ms
from connect.runtime.connector_config import ConnectorConfig, SourceConnectorConfig
from connect.runtime.contracts.contract import ALIAS
from connect.runtime.dead_letters.documents import Content
from connect.runtime.dead_letters.letters import Letter
from connect.runtime.factory import make_converter, make_header_converter, make_stages
from connect.runtime.plugins import PluginHost
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.pipeline import Outcome, Pipeline
from connect.runtime.tasks.record_json import as_json, as_shown
from connect.runtime.tasks.stages import Stage
from connect.runtime.tasks.tolerance import Interrupted, Tolerance
from connect.runtime.validation.checking import Checks
from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

T = TypeVar("T")

_CONVERTERS: Final = ("key.converter", "value.converter", "header.converter")
_TRANSFORMS: Final = ("transforms", "predicates")

#: Returns a connector's config with the values of its references, None where there is none of this name. Raises a
#: `ConnectError` where a value cannot be had.
ResolvedOf = Callable[[str], Awaitable[Mapping[str, str] | None]]


class Converting:
    """Makes the pipelines of connectors, from their configs as they are now.

    Args:
        resolved_of: Returns a connector's config with values: converters have keys, and secrets, as tasks do.
    """

    def __init__(self, plugins: PluginHost, worker: WorkerConfig, checks: Checks, resolved_of: ResolvedOf) -> None:
        self._plugins = plugins
        self._worker = worker
        self._checks = checks
        self._resolved_of = resolved_of

    async def check_transforms(self, keys: Mapping[str, str]) -> None:
        """Make these transforms once, and close them. Raises `ConfigError` where they cannot be made."""

        def make() -> None:
            self._pipeline({}, keys, make_stages(self._plugins, _config(keys), self._worker)).close()

        await self._checks.aside("making the transforms of a fix", make)

    async def decoded(self, letter: Letter) -> dict[str, Any] | str:
        """Return a letter's key, value and headers as its connector's converters read them, or why they do not."""
        try:
            own = await self._own(letter.connector)
            if own is None:
                return "no connector here has its converters"
            if letter.is_of_source:
                return "a source's record is converted when it is sent"
            work = lambda: self._decoded(own, letter)  # noqa: E731 - runs on a thread
            return await self._checks.aside("decoding a dead letter", work)
        except ConnectError as error:
            return error.message

    async def _own(self, name: str | None) -> Mapping[str, str] | None:
        return await self._resolved_of(name) if name else None

    def _decoded(self, own: Mapping[str, str], letter: Letter) -> dict[str, Any]:
        with closing(self._pipeline(own, {}, [])) as pipeline:
            (batch,) = _all_of(_through(pipeline, lambda: pipeline.from_bytes([_fetched(letter, _content(letter))])))
        return {
            "key": as_shown(batch.key_column()[0]),
            "key_schema": _schema_name(batch.key_schema),
            "value": as_shown(batch.values[0]),
            "value_schema": _schema_name(batch.value_schema),
        }

    async def transformed(
        self, letters: Sequence[tuple[Letter, Content]], keys: Mapping[str, str]
    ) -> list[Content | ConnectError]:
        """Return records decoded, put through transforms and encoded again; or why that cannot be."""
        owns: dict[str | None, Mapping[str, str] | ConnectError | None] = {}
        for name in dict.fromkeys(letter.connector for letter, _ in letters):
            try:
                owns[name] = await self._own(name)
            except ConnectError as error:
                owns[name] = error

        def work() -> list[Content | ConnectError]:
            pipelines: dict[str | None, Pipeline] = {}
            try:
                one = lambda letter, content: self._one(letter, content, keys, owns, pipelines)  # noqa: E731
                return [self._each(partial(one, letter, content)) for letter, content in letters]
            finally:
                for pipeline in pipelines.values():
                    pipeline.close()

        return await self._checks.aside("transforming dead letters", work)

    def _one(
        self,
        letter: Letter,
        content: Content,
        keys: Mapping[str, str],
        owns: Mapping[str | None, Mapping[str, str] | ConnectError | None],
        pipelines: dict[str | None, Pipeline],
    ) -> Content:
        name = letter.connector
        if name not in pipelines:
            own = owns[name]
            if isinstance(own, ConnectError):
                raise own
            if own is None:
                raise NotFoundError(
                    f"{letter.address}: there is no connector {name!r} whose converters read it",
                    code="connector.not_found",
                    hint="Mend it with a JSON patch, which needs none.",
                )
            pipelines[name] = self._pipeline(own, keys, make_stages(self._plugins, _config(keys), self._worker))
        pipeline = pipelines[name]
        if letter.is_of_source:
            source = _source_batch(letter, content)
            batch = _only(_through(pipeline, lambda: pipeline.transform([source])), "the transforms")
            return _as_json(letter, content, batch)
        decoded = _through(pipeline, lambda: pipeline.from_bytes([_fetched(letter, content)]))
        batch = _only(decoded, "the transforms")
        before = letter.topic or letter.queue
        if batch.topic != before:
            raise DataError(f"the transforms move the record from topic {before!r} to {batch.topic!r}")
        encoding = pipeline.with_stages(())
        return _content_of(_only(_through(encoding, lambda: encoding.to_bytes([batch])), "the converters"))

    async def outgoing(self, letter: Letter, content: Content) -> Outgoing:
        """Return what a source's record becomes that failed before it was bytes: by the steps from the failed one on.

        Raises:
            DataError: It fails again, or is dropped.
            NotFoundError: The connector is gone.
            ConnectError: A value of its config cannot be had.
        """
        own = await self._own(letter.connector)
        if own is None:
            raise NotFoundError(
                f"{letter.address}: there is no connector {letter.connector!r} that could convert it",
                code="connector.not_found",
            )

        def work() -> Outgoing:
            keys = {key: value for key, value in own.items() if key.partition(".")[0] in _TRANSFORMS}
            stages = make_stages(self._plugins, _config(keys), self._worker)
            with closing(self._pipeline(own, keys, stages)) as whole:
                return self._sent(letter, content, whole.with_stages(self._from_failed(letter, stages)))

        return await self._checks.aside("converting a dead letter", work)

    def _from_failed(self, letter: Letter, stages: Sequence[Stage]) -> Sequence[Stage]:
        """Return the stages from the one on that failed."""
        if letter.cause.stage != "TRANSFORMATION" or letter.cause.alias == ALIAS:
            return ()  # behind all transforms: who replays what the contract has refused means it
        aliases = [stage.alias for stage in stages]
        if letter.cause.alias not in aliases:
            raise DataError(f"connector {letter.connector!r} has no transform {letter.cause.alias!r} any more")
        return stages[aliases.index(letter.cause.alias) :]

    def _sent(self, letter: Letter, content: Content, pipeline: Pipeline) -> Outgoing:
        source = _source_batch(letter, content)
        made: Outgoing = _only(_through(pipeline, lambda: pipeline.to_bytes([source])), "the connector's transforms")
        return made

    def _each(self, work: Callable[[], Content]) -> Content | ConnectError:
        try:
            return work()
        except ConnectError as error:
            return error
        except Interrupted as error:
            return DataError(str(error.__cause__ or error))

    def _pipeline(self, own: Mapping[str, str], keys: Mapping[str, str], stages: Sequence[Stage]) -> Pipeline:
        """Return a pipeline of a connector's converters and some stages; it raises for the first record that fails."""
        config = _config({**{k: v for k, v in own.items() if k.startswith(_CONVERTERS)}, **keys})
        return Pipeline(
            stages,
            make_converter(self._plugins, self._worker, config, "key.converter"),
            make_converter(self._plugins, self._worker, config, "value.converter"),
            make_header_converter(self._plugins, self._worker, config),
            Tolerance(config, log=logger, interrupted=threading.Event()),
            now_ms,
        )


def _config(keys: Mapping[str, str]) -> ConnectorConfig:
    return SourceConnectorConfig.parse({"name": "dead letters", "connector.class": "none", **keys})


def _content(letter: Letter) -> Content:
    return Content(letter.key, letter.value, letter.headers, letter.timestamp)


def _fetched(letter: Letter, content: Content) -> FetchedBatch:
    columns = Columns([content.value], [content.key], content.timestamp, [content.headers or None])
    offset = letter.original_offset or 0
    return FetchedBatch(
        letter.topic or letter.queue, letter.original_partition or 0, range(offset, offset + 1), columns, offset + 1
    )


def _all_of(batches: Sequence[Batch]) -> Sequence[Batch]:
    assert sum(map(len, batches)) == 1, "no stage has dropped or parted the record"
    return batches


def _through(pipeline: Pipeline, run: Callable[[], list[T]]) -> list[T]:
    """Return what a pipeline makes of one record. Raises `DataError` where the record fails."""
    pipeline.outcome = Outcome()
    made = run()
    if pipeline.outcome.ending is not None:
        raise pipeline.outcome.ending
    return made


def _only(made: Sequence[Any], whose: str) -> Any:
    """Return what was made of one record, where that is one record."""
    count = sum(map(len, made))
    if count != 1:
        what = "drop the record; discard the letter where that is meant" if not count else f"make {count} records of it"
        raise DataError(f"{whose} {what}")
    return next(one for one in made if len(one))


def _content_of(out: Outgoing) -> Content:
    columns = out.columns
    headers = columns.headers[0] if columns.headers is not None else None
    return Content(
        columns.keys[0] if columns.keys is not None else None, columns.values[0], headers or [], columns.stamps[0]
    )


def _source_batch(letter: Letter, content: Content) -> Batch:
    """Return a source's record as it was before the step that failed: data without a schema."""
    return Batch(
        letter.topic or letter.queue,
        [_data(content.value, letter.value_form)],
        keys=[_data(content.key, letter.key_form)],
        timestamps=[content.timestamp],
    )


def _data(data: bytes | None, form: str) -> Any:
    if data is None or form != "json":
        return data
    try:
        return json.loads(data, parse_constant=_refused)  # integers with all their digits, as the source had them
    except (ValueError, RecursionError) as error:
        raise DataError(f"the letter's JSON cannot be read: {error}") from None


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _as_json(letter: Letter, before: Content, batch: Batch) -> Content:
    """Return what transforms made of a source's record, in the forms that its letter has."""
    key, value = batch.key_column()[0], batch.values[0]
    return Content(
        key if letter.key_form != "json" or key is None else as_json(key),
        value if letter.value_form != "json" or value is None else as_json(value),
        before.headers,
        before.timestamp,
    )


def _schema_name(schema: Schema | None) -> str | None:
    return None if schema is None else schema.name or schema.type.name
