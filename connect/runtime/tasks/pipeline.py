"""The data plane between a plugin and the log: transforms, predicates and converters, batch by batch.

Every step takes the whole batch first. If it raises and says which records are bad, the task's tolerance decides about
those, and the step runs again with the others; if it does not say, it runs again record by record, so that the culprit
is known. Steps never change their input, so a second run is safe.
All of this is plain code without input or output, and runs on the task's thread. A step whose tries are ended by a stop
or a pause raises `Interrupted`, and nothing of the call counts: the same batches come again.
"""

from __future__ import annotations

import functools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connect.api import (
    Batch,
    ConnectError,
    Converter,
    DataError,
    HeaderConverter,
    Plugin,
    RetriableError,
)
from connect.api.contract import failed_of
from connect.records import FetchedBatch
from connect.runtime.border.calls import Underway
from connect.runtime.border.failures import fail, is_plain, told
from connect.runtime.border.watchdog import Abandoned
from connect.runtime.contracts.contract import Contract
from connect.runtime.failure_kinds import kind_of
from connect.runtime.tasks.converters import Converters, raw_batch
from connect.runtime.tasks.failures import Failure, coordinates, named, reason_of
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.replays import parted
from connect.runtime.tasks.sampling import Observed, Sample, Sampler, StageCount, count_of
from connect.runtime.tasks.stages import Stage, coalesce, with_dicts
from connect.runtime.tasks.tolerance import Interrupted, Tolerance
from connect.runtime.tasks.walks import Step

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Outcome:
    """What became of the records of one call that did not come through.

    Attributes:
        failures: To be skipped, once it is known that they do not come again.
        ending: What ends the task when the records in front of it are dealt with; None in most cases.
        dropped: The record of `ending` and those behind it, as far as each had come, in order.
        transform_s, convert_s: What the transforms took, all together, and what the converters did, in seconds.
    """

    failures: list[Failure] = field(default_factory=list)
    ending: DataError | None = None
    dropped: list[Batch] = field(default_factory=list)
    transform_s: float = 0.0
    convert_s: float = 0.0

    @property
    def dropped_count(self) -> int:
        """How many records are dropped."""
        return sum(map(len, self.dropped))


def plugins_of(stages: Iterable[Stage]) -> list[Plugin]:
    """Return the transforms and predicates of stages, in order."""
    return [plugin for stage in stages for plugin in (stage.transform, stage.predicate) if plugin is not None]


def close_all(plugins: Iterable[Plugin]) -> None:
    """Close plugins, in order; one that fails is logged, and keeps none of the others open."""
    for plugin in plugins:
        try:
            plugin.close()
        except BaseException as error:
            logger.error("close of %s failed: %s", plugin.plugin_name(), told(error), exc_info=True)


class Pipeline:
    """One task's stages and converters. All but `underway` is for the task's thread, and blocks it.

    Attributes:
        outcome: What `to_bytes` or `from_bytes` has to tell of records that failed, until it is called again.

    Args:
        tolerance: Decides about failing records.
        clock_ms: The present time, for source records without a timestamp.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        key_converter: Converter,
        value_converter: Converter,
        header_converter: HeaderConverter,
        tolerance: Tolerance,
        clock_ms: Callable[[], int],
    ) -> None:
        self.outcome = Outcome()
        self._stages = stages
        #: A contract looks at schemas, and makes dicts of structs that come as columns only where it has to.
        self._needs_dicts = any(not isinstance(stage.transform, Contract) for stage in stages)
        self._key_converter = key_converter
        self._value_converter = value_converter
        self._header_converter = header_converter
        self._tolerance = tolerance
        self._clock_ms = clock_ms
        #: Kafka's name of the step under way, and who does it: what a failure is blamed on.
        self._at: tuple[str, Plugin] = ("VALUE_CONVERTER", value_converter)
        #: Of the batches under way: whether no stage has dropped or parted records.
        self._is_in_order = True
        #: When the step under way began; None between steps.
        self._since: float | None = None
        self._converters = Converters(key_converter, value_converter, header_converter, self._works)
        self._went_singly = False
        #: Looks at some records on their way; None, as nearly always: nobody has asked.
        self.sampler: Sampler | None = None
        #: What each stage was given, and what came out of it.
        self.seen, self.made = [0] * len(stages), [0] * len(stages)
        #: How many records failed, by what was done.
        self.failed: Counter[str] = Counter()

    def close(self) -> None:
        """Close every plugin of the pipeline, in order; one that fails is logged."""
        close_all([*plugins_of(self._stages), self._key_converter, self._value_converter, self._header_converter])

    def with_stages(self, stages: Sequence[Stage]) -> Pipeline:
        """Return a pipeline of the same converters and some of these stages, or none; this one closes them."""
        return Pipeline(
            stages, self._key_converter, self._value_converter, self._header_converter, self._tolerance, self._clock_ms
        )

    @property
    def has_transforms(self) -> bool:
        """Whether batches go through any transform."""
        return bool(self._stages)

    def _works(self, step: str, plugin: Plugin) -> None:
        self._at = (step, plugin)

    def stage_counts(self, taken: int, sent: int, *, is_sink: bool, plugin: str) -> list[StageCount]:
        """Return what each stage of the task was given, what it dropped, and on what it failed. From any thread.

        Args:
            taken: What the task has polled, or fetched.
            sent: What a source has written to its topics.
            plugin: The connector's class.
        """
        rows, left, decoding = list[StageCount](), taken, self.failed["converter"]
        converter = count_of("converters", None, self._value_converter.plugin_name(), failed=decoding)
        if is_sink:
            rows += [count_of("topic", None, None, seen=taken), {**converter, "seen": taken}]
            left = max(0, taken - decoding)
        else:
            rows.append(count_of("source", None, plugin, seen=taken))
        for stage, seen, made in zip(self._stages, self.seen, self.made, strict=True):
            failed = self.failed[f"transform {stage.alias!r}"]
            dropped = max(0, seen - made - failed)
            name = stage.transform.plugin_name()
            rows.append(count_of("transform", stage.alias, name, seen=seen, dropped=dropped, failed=failed))
            left = made
        if is_sink:
            rows.append(count_of("task", None, plugin, seen=left))
        else:
            rows += [{**converter, "seen": left}, count_of("topic", None, None, seen=sent)]
        return rows

    def underway(self) -> Underway | None:
        """Return the step that is under way, for the watchdog. From any thread."""
        since, (stage, plugin) = self._since, self._at
        return None if since is None else Underway(stage, since, plugin.plugin_name())

    def transform(self, batches: Iterable[Batch]) -> list[Batch]:
        """Run the batches through every stage."""
        current = [batch for batch in batches if len(batch)]
        self._is_in_order = True
        for number, stage in enumerate(self._stages):
            self._at = ("TRANSFORMATION", stage.transform)
            self.seen[number] += sum(map(len, current))
            staged = self._each(current, functools.partial(self._staged, stage))
            current = coalesce(out for out in staged if len(out))
            self.made[number] += sum(map(len, current))
        return current

    def _staged(self, stage: Stage | Observed, batch: Batch) -> list[Batch]:
        """Run one stage.

        What stays one batch of as many records has kept their order, and so have records that went singly; else a
        transform may part them.
        """
        dropped, self._went_singly = self.outcome.dropped_count, False
        apply, contract = stage.apply, stage.transform
        if isinstance(contract, Contract):
            apply = functools.partial(self._held, stage, contract)
        changed = self._guarded(apply, batch, f"transform {stage.alias!r}", "apply_batch")
        count = len(batch) - (self.outcome.dropped_count - dropped)
        is_whole = len(changed) == count if self._went_singly else len(changed) < 2
        self._is_in_order = self._is_in_order and is_whole and sum(map(len, changed)) == count
        return changed

    def _held(self, stage: Stage | Observed, contract: Contract, batch: Batch) -> list[Batch]:
        """Hold a batch against the contract; what it leaves out of records that go on has letters."""
        made = stage.apply(batch)
        for index, error in contract.left_out:
            failure = self._tolerance.left_out(
                error, stage=f"transform {stage.alias!r}", batch=batch, index=index, at=self._at
            )
            self.outcome.failures.append(failure)
        return made

    def to_bytes(self, batches: Iterable[Batch]) -> list[Outgoing]:
        """Transform a source's batches and convert them to bytes, in order. `outcome` then tells of what failed.

        Raises:
            Interrupted: The task is to stop or to pause, and a step waits for another try: nothing is decided.
            ConnectError: A step takes nothing, for a reason that passes; `errors.retry.timeout` is up.
        """
        self.outcome, now_ms = Outcome(), self._clock_ms()
        encode = lambda part: [self._converters.encode(part, now_ms, is_in_order=self._is_in_order)]  # noqa: E731
        began_s = time.perf_counter()
        polled = coalesce(map(with_dicts, batches) if self._needs_dicts else batches)
        if (sampler := self._due()) is None:
            transformed, samples = self.transform(polled), list[Sample]()
        else:
            heads, rest = sampler.part(polled)
            samples = [sample for head in heads if (sample := self._begun(sampler, head, raw=False)) is not None]
            transformed = self._ahead([([head], self._of(samples, head)) for head in heads], rest, polled)
        transformed_s = time.perf_counter()
        before = len(self.outcome.failures)
        encoded = self._each(transformed, lambda batch: self._guarded(encode, batch, "converter", "encode"))
        if sampler is not None:
            failed = {one.index: one for one in self.outcome.failures[before:] if one.batch is transformed[0]}
            self._tried(samples, lambda: sampler.encoded(samples, encoded, failed, self._value_converter.plugin_name()))
            sampler.keep(samples)
        self.outcome.transform_s, self.outcome.convert_s = transformed_s - began_s, time.perf_counter() - transformed_s
        return encoded

    def from_bytes(self, fetched: Iterable[FetchedBatch]) -> list[Batch]:
        """Convert a sink's fetched bytes to batches and transform them, in order; as `to_bytes`."""
        self.outcome = Outcome()
        raw = (raw_batch(topic, part) for batch in fetched if len(batch) for topic, part in parted(batch))
        decode = lambda batch: self._guarded(self._converters.decode, batch, "converter", "decode")  # noqa: E731
        began_s = time.perf_counter()
        if (sampler := self._due()) is None:
            decoded = self._each(raw, decode)
            decoded_s = time.perf_counter()
            transformed = self.transform(coalesce(decoded))
        else:
            heads, rest = sampler.part(list(raw))
            ahead = [(self._decoded(sampler, head, decode), head) for head in heads]
            if self.outcome.dropped:
                self.outcome.dropped += rest
                rest = []
            decoded = self._each(rest, decode) if rest else []
            decoded_s = time.perf_counter()
            samples = [sample for (_, sample), _ in ahead if sample is not None]
            transformed = self._ahead([came for came, _ in ahead], coalesce(decoded), None)
            sampler.keep(samples)
        self.outcome.transform_s, self.outcome.convert_s = time.perf_counter() - decoded_s, decoded_s - began_s
        return transformed

    # -- looking at some records on their way ---------------------------------------------------------------------

    def _due(self) -> Sampler | None:
        """Return the sampler, where it is to look at records of this call."""
        sampler = self.sampler
        if sampler is None:
            return None
        if sampler.is_over:
            self.sampler = None
            return None
        return sampler if sampler.is_due() else None

    def _begun(self, sampler: Sampler, batch: Batch, *, raw: bool) -> Sample | None:
        try:
            return sampler.begin(batch, raw=raw)
        except Exception as error:  # of a value of a plugin's own: no reason for a task to fail
            logger.debug("a record is not shown: %s", told(error))
            return None

    def _tried(self, samples: Sequence[Sample], show: Callable[[], object]) -> None:
        """Show what became of records; what cannot be shown is no reason for a task to fail."""
        try:
            show()
        except Exception as error:
            logger.debug("records are not shown: %s", told(error))
            for sample in samples:
                sample.is_whole = False

    @staticmethod
    def _of(samples: Sequence[Sample], batch: Batch) -> Sample | None:
        return next((sample for sample in samples if sample.batch is batch), None)

    def _decoded(
        self, sampler: Sampler, head: Batch, decode: Callable[[Batch], list[Batch]]
    ) -> tuple[list[Batch], Sample | None]:
        """Have the converters make one record of a topic's bytes; behind one that ends the task, none."""
        if self.outcome.dropped:
            self.outcome.dropped.append(head)
            return [], None
        sample, before = self._begun(sampler, head, raw=True), len(self.outcome.failures)
        came = [batch for batch in self._each([head], decode) if len(batch)]
        if sample is not None:

            def show() -> None:
                step = sampler.decoded(sample, came, self._value_converter.plugin_name())
                self._show_failures(sample, step, before)

            self._tried([sample], show)
        return came, sample

    def _ahead(
        self, heads: Sequence[tuple[list[Batch], Sample | None]], rest: list[Batch], whole: list[Batch] | None
    ) -> list[Batch]:
        """Run records that are looked at through every stage, each alone, and then the others.

        Args:
            whole: All of them as they were, for who has no stage; None where each was taken apart already.
        """
        if not self._stages:
            for came, sample in heads:
                if sample is not None:
                    sample.made = sum(map(len, came))
            return whole if whole is not None else coalesce([*(batch for came, _ in heads for batch in came), *rest])
        outcome, results, is_in_order = self.outcome, list[Batch](), True
        behind, outcome.dropped = outcome.dropped, []
        for came, sample in heads:
            if outcome.dropped:
                outcome.dropped += came
                continue
            out = self._walked(came, sample)
            is_in_order = is_in_order and self._is_in_order
            results += out
        if outcome.dropped:
            outcome.dropped += rest
        else:
            results += self.transform(rest)
        outcome.dropped += behind
        self._is_in_order = self._is_in_order and is_in_order
        return coalesce(results)

    def _walked(self, batches: list[Batch], sample: Sample | None) -> list[Batch]:
        """As `transform`, of one record, and show what each stage makes of it."""
        if sample is None:
            return self.transform(batches)
        current, self._is_in_order = batches, True
        for number, stage in enumerate(self._stages):
            if not current:
                break
            self._at = ("TRANSFORMATION", stage.transform)
            self.seen[number] += sum(map(len, current))
            observed, before, given = Observed(stage), len(self.outcome.failures), current
            staged = self._each(current, functools.partial(self._staged, observed))
            current = [out for out in staged if len(out)]
            self.made[number] += sum(map(len, current))
            self._show_stage(sample, stage, observed, given, current, before)
        sample.made = sum(map(len, current))
        return current

    def _show_stage(
        self, sample: Sample, stage: Stage, observed: Observed, given: list[Batch], came: list[Batch], before: int
    ) -> None:
        def show() -> None:
            step = sample.staged(stage, observed, given, came)
            self._show_failures(sample, step, before)

        self._tried([sample], show)

    def _show_failures(self, sample: Sample, step: Step, before: int) -> None:
        """Show what a record has failed by in a step.

        Args:
            before: How many records had failed in front of it.
        """
        for failure in self.outcome.failures[before:]:
            sample.failed(step, failure.error, failure.plugin)
        if self.outcome.ending is not None:
            sample.failed(step, self.outcome.ending, self._at[1])

    def _each(self, batches: Iterable[Batch], step: Callable[[Batch], list[Any]]) -> list[Any]:
        """Run a step over batches; behind a record that ends the task, over none."""
        outcome, results, left = self.outcome, list[Any](), list[Batch]()
        behind, outcome.dropped = outcome.dropped, []
        for batch in batches:
            if outcome.dropped:
                left.append(batch)
            else:
                results.extend(step(batch))
        outcome.dropped += left + behind
        return results

    def _guarded(self, step: Callable[[Batch], list[Any]], batch: Batch, stage: str, method: str) -> list[Any]:
        """Run a step, without the records that it names as bad, or one by one where it names none.

        Args:
            method: What of the plugin raises, for who named what it was not given.
        """
        while len(batch):
            try:
                return self._tolerance.attempt(functools.partial(self._run, step, batch))
            except Interrupted:
                raise
            except Exception as raised:
                error = raised
            failed = failed_of(self._at[1], method, error, len(batch)) if isinstance(error, DataError) else []
            if not failed or len(batch) == 1 or not isinstance(error, DataError):
                return self._one_by_one(step, batch, stage, error)
            if self._tolerance.skips(error):
                for one in failed:
                    self._skip(named(error, one), stage, batch, one.index)
                bad = {one.index for one in failed}
                batch = batch.select([index not in bad for index in range(len(batch))])
            else:
                self._end_at(named(error, failed[0]), stage, batch, failed[0].index)
                batch = batch[: failed[0].index]
        return []

    def _one_by_one(self, step: Callable[[Batch], list[Any]], batch: Batch, stage: str, error: Exception) -> list[Any]:
        """Run a step record by record. Where none of them passes, for a reason that passes by itself, none of them is
        bad.

        Args:
            error: What the step raised for all of them. Where that was tried again until the time was up, it is up for
                each of them.
        """
        results: list[Any] = []
        failed: list[tuple[int, Exception, tuple[str, Plugin]]] = [(0, error, self._at)] if len(batch) == 1 else []
        attempt = _once if isinstance(error, RetriableError) else self._tolerance.attempt
        self._went_singly = True
        for index in range(len(batch)) if len(batch) > 1 else ():
            try:
                results.extend(attempt(functools.partial(self._run, step, batch[index : index + 1])))
            except Interrupted:
                raise
            except Exception as again:
                failed.append((index, again, self._at))
                if not self._tolerance.skips(again):
                    break
        is_outage = all(kind_of(one) == "outage" for _, one, _ in failed)
        if is_outage and failed and failed[0][0] == 0 and (len(failed) == len(batch) or not self._tolerance.tolerates):
            raise _outage(failed[0][1], stage, batch)
        for index, one, at in failed:
            self._at = at
            if self._tolerance.skips(one):
                self._skip(one, stage, batch, index)
            else:
                self._end_at(one, stage, batch, index)
        return results

    def _skip(self, error: Exception, stage: str, batch: Batch, index: int) -> None:
        failure = self._tolerance.failed(error, stage=stage, batch=batch, index=index, at=self._at)
        self.failed[stage] += 1
        self.outcome.failures.append(failure)

    def _end_at(self, error: Exception, stage: str, batch: Batch, index: int) -> None:
        """Let this record be what ends the task; what is in front of it goes on."""
        self.failed[stage] += 1
        try:
            self._tolerance.failed(error, stage=stage, batch=batch, index=index, at=self._at)
        except DataError as ending:
            self.outcome.ending = ending
        self.outcome.dropped.insert(0, batch[index:])

    def _run(self, step: Callable[[Batch], list[Any]], batch: Batch) -> list[Any]:
        """Run one step: the border of plugins that work between task and log. Only what is an Exception leaves it."""
        self._since = time.monotonic()
        try:
            return step(batch)
        except Abandoned as error:  # no verdict on a record: the next ones would only be computed, too
            raise Interrupted from error
        except BaseException as error:
            if isinstance(error, Exception) and is_plain(error):
                raise
            fail(error, self._at[0], self._at[1].plugin_name())
        finally:
            self._since = None


def _once(function: Callable[[], Any]) -> Any:
    return function()


def _outage(error: Exception, stage: str, batch: Batch) -> ConnectError:
    """Return what ends the task where a step takes no record at all, for a reason that passes."""
    code, hint = (error.code, error.hint) if isinstance(error, ConnectError) else ("retriable", None)
    ended = ConnectError(f"{reason_of(error)} ({stage}, {coordinates(batch, 0)})", code=code, hint=hint)
    ended.__cause__ = error
    return ended
