"""A connector's schema contract at work: the last step of its transforms, which holds values against what is known.

Theory of operation. A batch has one schema, and what becomes of it is decided once for each schema of a topic
(`_Verdict`): nearly always the very object of the batch before, so a batch costs one look. Values without a schema are
looked at one by one, quickly where they fit. What does not fit is a list of `Change`s. The strictest mode among them
decides: a record fails, is left out, or loses fields; and where all that is left may grow what is known, it does, and
is durable before the record goes on. Somebody else's change makes all verdicts void.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from connect.api import (
    Batch,
    Config,
    DataError,
    FailedRecord,
    Schema,
    SchemaProjectorError,
    SchemaType,
    Transform,
    project_value,
)
from connect.api.schema_projector import check_projection
from connect.runtime.contracts.changes import (
    Change,
    Mark,
    Path,
    changes_of,
    count_of,
    is_required,
    merged,
    merged_all,
    shown,
)
from connect.runtime.contracts.config import ContractConfig, Mode
from connect.runtime.contracts.discarding import DiscardedError, DiscardedValueError
from connect.runtime.contracts.errors import DISCARDED, INCOMPATIBLE, NO_SCHEMA, TOO_LARGE, VIOLATED
from connect.runtime.contracts.learning import Knowledge
from connect.runtime.contracts.leaving_out import Cut, cut_of, schema_without, value_without
from connect.runtime.contracts.plain_values import Shapes, fits, learned, schema_of
from connect.stores.contracts import Known
from connect.stores.schema_texts import DEPTH_MAX, as_kept

#: The name of the step, as transforms have an alias.
ALIAS: Final = "schema.contract"
#: Fields of a schema that is held, at most; verdicts of a topic that are kept; changes that a message names.
FIELDS_MAX: Final = 5000
VERDICTS_MAX: Final = 1000
_NAMED_MAX: Final = 5
#: How long no further line is logged about values that are left out.
LOG_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What becomes of values of one schema.

    Attributes:
        error: Why a record fails, is left out, or loses fields; None where it fits.
        schema: What the values have then.
        change: Makes such a value of one; None where it stays.
    """

    schema: Schema | None
    error: DataError | None = None
    change: Callable[[Any], Any] | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the record does not go on."""
        return self.error is not None and not isinstance(self.error, DiscardedValueError)


@dataclass(slots=True)
class _Topic:
    """What was decided of a topic: of the schema that came last, of each that came, and what says that a value without
    a schema fits; of those that do not, by what they look like."""

    last: Schema | None = None
    verdict: _Verdict | None = None
    verdicts: dict[tuple[Schema, bool], _Verdict] = field(default_factory=dict)
    fits: Callable[[Any], bool] | None = None
    shape: Shapes = field(default_factory=Shapes)
    by_shape: dict[Any, _Verdict] = field(default_factory=dict)


class Contract(Transform):
    """One task's contract. For its thread; `Knowledge.learn` may block for as long as a write takes.

    Attributes:
        left_out: Of the call before: records that have lost fields, each with the error that says which.

    Args:
        is_sink: With `schema.compatibility`: values are projected, instead of schemas refused.
        log: Told of values that are left out, now and then.
    """

    config_class = Config

    def __init__(
        self,
        config: ContractConfig,
        known: Knowledge,
        *,
        is_sink: bool,
        log: Callable[[str], object] = lambda _line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.left_out: list[tuple[int, DataError]] = []
        self._config = config
        self._known = known
        self._log = log
        self._clock = clock
        self._generation = known.generation
        self._topics: dict[str, _Topic] = {}
        self._judge = self._held if config.level == "NONE" else self._projected if is_sink else self._compared
        self._logged_s: float | None = None
        self._unlogged = 0

    def apply_batch(self, batch: Batch) -> Batch:
        """Return the batch as the contract lets it pass.

        Raises:
            DiscardedError: Records are left out, as it names them.
            DataError: Records fail: contract.violated, contract.incompatible, contract.no_schema, contract.too_large.
            Abandoned, RetriableError: As `Knowledge.learn`.
        """
        self.left_out = []
        if self._known.generation != self._generation:
            self._topics.clear()
            self._generation = self._known.generation
        topic = self._topics.get(batch.topic)
        if topic is None:
            topic = self._topics[batch.topic] = _Topic()
        schema = batch.value_schema
        if schema is None:
            return self._without_schema(batch, topic)
        if schema is topic.last and topic.verdict is not None:
            verdict = topic.verdict
        else:
            verdict = self._verdict(batch.topic, topic, schema)
            topic.last, topic.verdict = schema, verdict
        return batch if verdict.error is None and verdict.change is None else self._changed(batch, verdict)

    def _changed(self, batch: Batch, verdict: _Verdict) -> Batch:
        """Do to each value of a batch what its schema's verdict says; null is no value."""
        error, change, values = verdict.error, verdict.change, list(batch.values)
        present = [index for index, value in enumerate(values) if value is not None]
        if not present:
            return batch
        if verdict.is_refused:
            assert error is not None
            raise _of_records(error, [(index, error) for index in present])
        assert change is not None
        failed: list[tuple[int, DataError]] = []
        for index in present:
            try:
                values[index] = change(values[index])
            except DataError as bad:
                failed.append((index, bad))
        if failed:
            raise _of_records(failed[0][1], failed)
        if error is not None:
            self._leave_out([(index, error) for index in present])
        return batch.replace(values=values, value_schema=verdict.schema)

    # -- values without a schema -----------------------------------------------------------------------------------

    def _without_schema(self, batch: Batch, topic: _Topic) -> Batch:
        fitting, values = topic.fits, batch.values
        if fitting is not None and all(value is None or fitting(value) for value in values):
            return batch
        if self._config.level != "NONE":
            return self._refuse_plain(batch)
        fitting = self._fitting(batch.topic, topic)
        unfit = [index for index, value in enumerate(values) if value is not None and not (fitting and fitting(value))]
        shape_of = topic.shape
        shapes = [shape_of(values[index]) for index in unfit]
        schemas = self._learn_of(
            batch.topic,
            topic,
            {shape: values[index] for index, shape in zip(unfit, shapes, strict=True) if shape not in topic.by_shape},
        )
        made: list[Any] = list(values)
        refused: list[tuple[int, DataError]] = []
        left_out: list[tuple[int, DataError]] = []
        for index, shape in zip(unfit, shapes, strict=True):
            value = values[index]
            verdict = topic.by_shape.get(shape)
            if verdict is None:
                if (fitting := self._fitting(batch.topic, topic)) is not None and fitting(value):
                    continue
                verdict = self._verdict_of_value(batch.topic, topic, value, schemas.get(shape))
                if len(topic.by_shape) >= VERDICTS_MAX:
                    topic.by_shape.clear()
                if topic.shape is shape_of:  # else something was learned, and shapes may mean another thing
                    topic.by_shape[shape] = verdict
            if verdict.is_refused and verdict.error is not None:
                refused.append((index, verdict.error))
            elif verdict.change is not None and verdict.error is not None:
                made[index] = verdict.change(value)
                left_out.append((index, verdict.error))
        if refused:  # those that are left out first: of the others one may end the task
            discarded = [(index, error) for index, error in refused if isinstance(error, DiscardedError)]
            raise _of_records((discarded or refused)[0][1], discarded or refused)
        self._leave_out(left_out)
        return batch.replace(values=made) if left_out else batch

    def _fitting(self, name: str, topic: _Topic) -> Callable[[Any], bool] | None:
        if topic.fits is None and (known := self._known.get(name)) is not None:
            topic.fits, topic.shape = fits(known.schema), Shapes(known.schema)
        return topic.fits

    def _verdict_of_value(self, name: str, topic: _Topic, value: Any, schema: Schema | None) -> _Verdict:
        known = self._known.get(name)
        try:
            schema = schema or schema_of(value, None if known is None else known.schema)
        except RecursionError:
            return _Verdict(None, self._too_large(name, "is nested too deeply"))
        assert schema is not None, "null was looked at before"
        return self._verdict(name, topic, schema, is_plain=True)

    def _learn_of(self, name: str, topic: _Topic, values: Mapping[Any, Any]) -> Mapping[Any, Schema]:
        """Learn what values may teach, in one write for all of a batch: where keys are data, each of them has a new
        field. Of a topic that nobody knows all values teach, else those of which nothing is refused.

        Args:
            values: One of each shape.

        Returns:
            Where nothing was learned, the schemas that they have, by shape.
        """
        known = self._known.get(name)
        if not values or (known is None and self._config.schema_contract_topics != "evolve"):
            return {}
        schemas: dict[Any, Schema] = {}
        for shape, value in values.items():
            with suppress(RecursionError):
                if (schema := schema_of(value, None if known is None else known.schema)) is not None:
                    schemas[shape] = schema
        lessons = dict.fromkeys(filter(None, (self._lesson(topic, known, schema) for schema in schemas.values())))
        found = self._union(list(lessons))
        if found is None:
            return schemas
        if known is None:
            self._known.learn(name, found, after=0)
        else:
            grown = merged(known.schema, found)
            # Of a new field that two values have of two types the first counts, and the other may be refused.
            agreed = [lesson for lesson in lessons if self._modes(grown, lesson) <= {"evolve"}]
            if len(agreed) < len(lessons) and (found := self._union(agreed)) is not None:
                grown = merged(known.schema, found)
            if not changes_of(known.schema, grown) or self._size_problem(grown) is not None:
                return schemas
            self._known.learn(name, grown, after=known.version)
        self._renew(name, topic)
        return {}

    def _lesson(self, topic: _Topic, known: Known | None, schema: Schema) -> Schema | None:
        """Return what a value teaches; None where that is nothing, and where the value is refused or loses fields."""
        if self._size_problem(schema) is not None:
            return None
        if known is None:
            return learned(schema)
        if (schema, True) in topic.verdicts:  # nothing was learned of it before
            return None
        if self._is_too_many(known, schema):
            return None
        return learned(schema) if self._modes(known.schema, schema) == {"evolve"} else None

    def _union(self, lessons: list[Schema]) -> Schema | None:
        """Return what values teach together: of more than may be known as many as fit, those in front."""
        while lessons:
            found = merged_all(lessons, lambda schema: self._size_problem(schema) is not None)
            if found is not None:
                return found
            lessons = lessons[: len(lessons) // 2]
        return None

    def _modes(self, known: Schema, schema: Schema) -> set[Mode]:
        return {self._mode(known, change) for change in changes_of(known, schema)}

    def _is_too_many(self, known: Known, schema: Schema) -> bool:
        """Whether a value would have more fields known than may be; quickly, of those of the value itself."""
        if known.schema.type is not SchemaType.STRUCT:
            return False
        new = sum(1 for field in schema.fields if known.schema.field(field.name) is None)
        return new > 0 and len(known.schema.fields) + new > FIELDS_MAX

    def _refuse_plain(self, batch: Batch) -> Batch:
        present = [index for index, value in enumerate(batch.values) if value is not None]
        if not present:
            return batch
        error = DataError(
            f"the value of a record of topic {batch.topic} has no schema, and schema.compatibility="
            f"{self._config.level} compares schemas",
            code=NO_SCHEMA,
        )
        raise _of_records(error, [(index, error) for index in present])

    # -- verdicts ----------------------------------------------------------------------------------------------------

    def _verdict(self, name: str, topic: _Topic, schema: Schema, *, is_plain: bool = False) -> _Verdict:
        found: _Verdict | None = None
        with suppress(RecursionError):  # of one that is nested without end; what is too large comes next
            found = topic.verdicts.get((schema, is_plain))
        if found is not None and self._known.generation == self._generation:
            return found
        if (problem := self._size_problem(schema)) is not None:  # one that contains itself has no end
            return _Verdict(schema, self._too_large(name, problem))
        while True:
            generation = self._known.generation
            found = self._judge(name, schema, is_plain)
            if generation == self._known.generation:
                break  # else it may be otherwise by now
        self._renew(name, topic, generation)
        if len(topic.verdicts) >= VERDICTS_MAX:
            topic.verdicts.clear()
        topic.verdicts[(schema, is_plain)] = found
        return found

    def _renew(self, name: str, topic: _Topic, generation: int | None = None) -> None:
        """Go by what is known now: what was decided before may be otherwise."""
        generation = self._known.generation if generation is None else generation
        if generation != self._generation:
            topic.last, topic.verdict, topic.verdicts = None, None, {}
            topic.fits, topic.shape, topic.by_shape = None, Shapes(), {}
            self._topics = {name: topic}
            self._generation = generation

    def _held(self, name: str, schema: Schema, is_plain: bool) -> _Verdict:
        """Judge by `schema.contract`."""
        while True:
            known = self._known.get(name)
            if known is None:
                if (mode := self._config.schema_contract_topics) != "evolve":
                    return _refused(
                        schema, mode, f"nothing is known of topic {name}, and schema.contract.topics={mode}"
                    )
                self._known.learn(name, learned(schema) if is_plain else schema, after=0)
                continue
            changes = changes_of(known.schema, schema)
            by_mode: dict[Mode, list[Change]] = {}
            for change in changes:
                by_mode.setdefault(self._mode(known.schema, change), []).append(change)
            for mode in ("freeze", "discard.record"):
                if mode in by_mode:
                    found = by_mode[mode]
                    return _refused(schema, mode, _told(name, known, found), _details(found))
            dropped = by_mode.get("discard.value", [])
            cut = cut_of([change.field for change in dropped])
            kept = schema_without(schema, cut)
            if "evolve" in by_mode and self._is_too_many(known, kept):
                return _Verdict(schema, self._too_large(name, f"has more than {FIELDS_MAX} fields"))
            grown = merged(known.schema, learned(kept) if is_plain else kept) if "evolve" in by_mode else known.schema
            if not changes_of(known.schema, grown):
                if not dropped:
                    return _Verdict(schema)
                error = DiscardedValueError(_told(name, known, dropped), code=DISCARDED, details=_details(dropped))
                return _Verdict(kept, error, partial(_without, cut))
            if (problem := self._size_problem(grown)) is not None:
                return _Verdict(schema, self._too_large(name, problem))
            self._known.learn(name, grown, after=known.version)

    def _mode(self, known: Schema, change: Change) -> Mode:
        """Return what becomes of a change: a value that must be there cannot be left out without its record."""
        mode = self._config.mode(change.kind)
        if mode != "discard.value":
            return mode
        path = change.field
        return "discard.record" if not path or _must_be_there(known, path) else mode

    def _compared(self, name: str, schema: Schema, _: bool) -> _Verdict:
        """Judge by `schema.compatibility` of a source."""
        given, schema = schema, as_kept(schema)  # else one that reads back otherwise would be new for ever
        while True:
            known = self._known.get(name)
            if known is None:
                self._known.learn(name, schema, after=0)
                continue
            if schema == known.schema or schema in known.earlier:
                return _Verdict(given)
            try:
                if self._config.level in ("BACKWARD", "FULL"):
                    check_projection(known.schema, schema)
                if self._config.level in ("FORWARD", "FULL"):
                    check_projection(schema, known.schema)
            except SchemaProjectorError as error:
                return _Verdict(schema, self._incompatible(name, known, error))
            self._known.learn(name, schema, after=known.version, earlier=(*known.earlier, known.schema))

    def _projected(self, name: str, schema: Schema, _: bool) -> _Verdict:
        """Judge by `schema.compatibility` of a sink: onto the newest schema, or the oldest."""
        if schema.version is None:
            message = (
                f"the schema of a record of topic {name} has no version, by which schema.compatibility="
                f"{self._config.level} tells the newest"
            )
            return _Verdict(schema, DataError(message, code=NO_SCHEMA))
        while True:
            known = self._known.get(name)
            if known is None:
                self._known.learn(name, schema, after=0)
                continue
            if schema == known.schema:
                return _Verdict(schema)
            assert known.schema.version is not None or known.by, "who gave one"
            is_newer = schema.version > (known.schema.version or 0)
            is_older = schema.version < (known.schema.version or 0)
            if is_older if self._config.level == "FORWARD" else is_newer:
                self._known.learn(name, schema, after=known.version)
                continue
            target = known.schema
            try:
                check_projection(schema, target)
            except SchemaProjectorError as error:
                return _Verdict(schema, self._incompatible(name, known, error))
            return _Verdict(target, change=partial(_onto, schema, target))

    def _incompatible(self, name: str, known: Known, error: SchemaProjectorError) -> DataError:
        return DataError(
            f"the schema of a record of topic {name} does not get on with version {known.version} of what is known, as "
            f"schema.compatibility={self._config.level} asks for: {error.message}",
            code=INCOMPATIBLE,
        )

    def _size_problem(self, schema: Schema) -> str | None:
        try:
            count = count_of(schema, most=FIELDS_MAX, depth=DEPTH_MAX)
        except ValueError as error:
            return str(error)
        return None if count <= FIELDS_MAX else f"has more than {FIELDS_MAX} fields"

    def _too_large(self, name: str, problem: str) -> DataError:
        return DataError(f"the schema of a record of topic {name} {problem}", code=TOO_LARGE)

    # -- what is left out --------------------------------------------------------------------------------------------

    def _leave_out(self, records: Sequence[tuple[int, DataError]]) -> None:
        if not records:
            return
        self.left_out = list(records)
        now_s = self._clock()
        self._unlogged += len(records)
        if self._logged_s is None or now_s - self._logged_s >= LOG_EVERY_S:
            self._log(
                f"left fields out of {self._unlogged} record(s) since the last such line: {records[0][1].message}"
            )
            self._logged_s, self._unlogged = now_s, 0


def _without(cut: Cut, value: Any) -> Any:
    return value_without(value, cut)


def _onto(source: Schema, target: Schema, value: Any) -> Any:
    return project_value(source, value, target)


def _must_be_there(known: Schema, path: Path) -> bool:
    """Whether what is known asks for a field."""
    schema: Schema | None = known
    for part in path[:-1]:
        if schema is None:
            return False
        schema = _inside(schema, part)
    found = None if schema is None else _inside(schema, path[-1])
    return found is not None and is_required(found)


def _inside(schema: Schema, part: str | Mark) -> Schema | None:
    if isinstance(part, str) and schema.type is SchemaType.STRUCT:
        found = schema.field(part)
        return None if found is None else found.schema
    return schema.value_schema


def _refused(schema: Schema, mode: str, message: str, details: Mapping[str, str] | None = None) -> _Verdict:
    if mode == "freeze":
        return _Verdict(schema, DataError(message, code=VIOLATED, details=details))
    return _Verdict(schema, DiscardedError(message, code=DISCARDED, details=details))


def _told(name: str, known: Known, changes: Collection[Change]) -> str:
    named = "; ".join(str(change) for change in list(changes)[:_NAMED_MAX])
    more = f"; and {len(changes) - _NAMED_MAX} more" if len(changes) > _NAMED_MAX else ""
    return f"a record of topic {name} does not fit version {known.version} of what is known of it: {named}{more}"


def _details(changes: Collection[Change]) -> dict[str, str]:
    return {"column": shown(next(iter(changes)).path)}


def _of_records(error: DataError, failed: Sequence[tuple[int, DataError]]) -> DataError:
    """Return one error of several records."""
    records = [FailedRecord(index, one.message, dict(one.details)) for index, one in failed]
    return type(error)(error.message, failed=records, code=error.code, hint=error.hint)
