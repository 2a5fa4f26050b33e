"""The certificate of a source."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from connect.api import (
    Batch,
    ConfigError,
    ConnectError,
    EnvironmentFault,
    PluginError,
    Record,
    RetriableError,
    SourceConnector,
    SourceTask,
)
from connect.records import why_no_topic
from connect.runtime.border.calls import on_loop
from connect.testing.crash import Report
from connect.testing.harness.sources import SourceHarness
from connect.testing.harness.workers import Worker
from connect.testing.suites.base import awaited, difference, logged, no_more_sockets, nothing_left, told
from connect.testing.suites.connectors import ConnectorSuite
from connect.testing.suites.crashes import crashed_source, source_books
from connect.testing.suites.values import same

#: How many records of the source are looked at.
RECORDS: Final = 20
#: A source that still gives records after so long has no end with the suite's config, in seconds.
END_S: Final = 2.0
#: What gives nothing for so long has come to its end, if it does not say otherwise, in seconds.
_QUIET_S: Final = 1.0
#: No poll gives more than this, or nothing bounds what is in memory.
POLL_MAX: Final = 100_000
#: Timestamps in ms lie behind this: one in seconds does not.
_SECONDS_UP_TO: Final = 10_000_000_000


class SourceSuite(ConnectorSuite):
    """Checks of a source connector. Subclass it in a test module, with `Test` in front of the name.

    Attributes:
        connector: The connector's class, or what `@source` made.
        records: How many of the source's records are looked at; it has to have as many with this config.
        is_repeatable: The source gives the same records again from the same offset on. False for one that makes them up
            at random; then the checks that compare two runs are skipped.
        repeats: How many records come again, at most, where it goes on from an offset: 1 for a bookmark that is looked
            for with "from there on", so that no record of the same time is left out. None may be left out in any case.
        kills: How often a worker that runs it is killed.
    """

    connector: ClassVar[type[SourceConnector]]
    records: ClassVar[int] = RECORDS
    is_repeatable: ClassVar[bool] = True
    repeats: ClassVar[int] = 0
    kills: ClassVar[int] = 5

    def plugin_class(self) -> type[SourceConnector]:
        return self.connector

    def upstream_down(self, folder: Path) -> AbstractContextManager[Any] | None:
        """Return a context manager within which what `make_config(folder)` names refuses, and will not later. None: it
        cannot be had."""
        return None

    # -- life --------------------------------------------------------------------------------------------------------

    def test_life_starts_gives_records_and_stops(self, tmp_path: Path) -> None:
        """With the suite's config it gives as many records as the suite says, and stops without an error."""
        with self._harness(self.make_config(tmp_path)) as harness:
            self._records(harness)

    def test_life_stops_without_a_poll(self, tmp_path: Path) -> None:
        """A task that is stopped right behind its start stops without an error."""
        with self._harness(self.make_config(tmp_path)) as harness:
            self._ends(harness, "it cannot stop right behind its start")

    def test_life_stops_while_it_polls(self, tmp_path: Path) -> None:
        """A stop that comes while a poll waits is over within the deadline."""
        with self._harness(self.make_config(tmp_path)) as harness:
            self._records(harness)
            is_async = on_loop(harness.task, "poll_batch", "poll")
            self._stops_within(harness, harness.poll, "a poll", is_cancelled=is_async)

    def test_life_leaves_no_thread_and_no_file(self, tmp_path: Path) -> None:
        """What it opened and started is closed and ended behind a stop."""
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:  # what is opened once for the process is no leak
            self._records(harness)
        with nothing_left(self.broken), self._harness(config) as harness:
            self._records(harness)

        def again() -> None:
            with self._harness(config) as harness:
                self._records(harness)

        no_more_sockets(self.broken, again)

    def test_life_leaves_nothing_where_its_start_fails(self, tmp_path: Path) -> None:
        """A start that fails half-way, as for an offset that it cannot use, leaves nothing behind its stop."""
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:  # what is opened once for the process is no leak
            self._records(harness)
        with nothing_left(self.broken):
            self._failed_start(config)
        no_more_sockets(self.broken, lambda: self._failed_start(config))

    def test_life_starts_again_and_again(self, tmp_path: Path) -> None:
        """Five starts and stops after each other work: nothing is held that the next start needs."""
        config = self.make_config(tmp_path)
        for number in range(5):
            with self._working(f"start {number + 1} of 5"), self._harness(config) as harness:
                harness.poll()

    def test_life_of_two_is_apart(self, tmp_path: Path) -> None:
        """Two connectors of the class at once give what one gives: nothing is kept in the class or the module."""
        if not self.is_repeatable:
            pytest.skip("the source does not give the same records twice")
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            alone = self._records(harness)
        with self._harness(config) as first, self._harness(config) as second:
            found: list[list[Record]] = [[], []]
            deadline = time.monotonic() + 2 * self.deadline_s
            while min(map(len, found)) < self.records and time.monotonic() < deadline:
                polled = [harness.poll() for harness in (first, second)]
                for number, records in enumerate(polled):
                    found[number] += records
                if not any(polled):
                    time.sleep(0.005)  # as the runtime waits for the next poll
        for number, records in enumerate(found):
            if self._identities(records) != self._identities(alone):
                self.broken(
                    f"beside another one, instance {number + 1} gives other records than alone: something is shared; "
                    f"{difference(self._identities(alone), self._identities(records))}"
                )

    def test_life_hides_secrets(self, tmp_path: Path) -> None:
        """No secret of the config is in records, offsets, a message or the log."""
        given, secrets = self._secrets(self.make_config(tmp_path))
        with logged() as lines:
            try:
                with self._harness(given) as harness:
                    shown = [repr(record) for record in harness.poll()]
            except ConnectError as error:
                shown = told(error)
        for name, value in secrets.items():
            if any(value in text for text in (*shown, *lines)):
                self.broken(f"the secret of {name} is in a record, an offset, a message or the log")

    # -- configs of tasks --------------------------------------------------------------------------------------------

    def test_tasks_share_the_work(self, tmp_path: Path) -> None:
        """What one task gives, three give together, each record once."""
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            whole = self._all(harness)
            count = len(harness.task_configs(3))
        if whole is None or count < 2 or not self.is_repeatable:
            pytest.skip("it has one task, or no end")
        together: Counter[Any] = Counter()
        for task in range(count):
            with self._harness(config, task=task, max_tasks=3) as harness:
                together += Counter(self._identities(self._all(harness) or [], None))
        alone = Counter(self._identities(whole, None))
        if together != alone:
            more, less = together - alone, alone - together
            self.broken(
                f"{count} tasks give {sum(more.values())} records more than one, and {sum(less.values())} less: "
                f"{[*more, *less][:3]}"
            )

    # -- offsets -----------------------------------------------------------------------------------------------------

    def test_offsets_are_given(self, tmp_path: Path) -> None:
        """Each record has a source partition and an offset; without them everything comes again after a restart."""
        with self._harness(self.make_config(tmp_path)) as harness:
            for batch in self._batches(harness):
                if batch.source_partition is None or (batch.source_offset is None and batch.source_offsets is None):
                    self.broken(
                        "records come without source_partition and source_offset, so a restart reads all again; "
                        "yield them with an offset"
                    )

    def test_offsets_resume_after_every_record(self, tmp_path: Path) -> None:
        """From the offset of each record on it gives what came behind that record."""
        if not self.is_repeatable:
            pytest.skip("the source does not give the same records twice")
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            records = self._records(harness)
        offsets: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
        for number, record in enumerate(records):
            if record.source_offset is None or record.source_partition is None:
                continue
            at = json.dumps(record.source_partition, sort_keys=True)
            offsets[at] = (record.source_partition, record.source_offset)
            expected = self._identities(records[number + 1 :], None)
            before, repeated = self._identities(records[: number + 1], None), self.repeats * len(offsets)
            with self._harness(config, offsets=list(offsets.values())) as harness:
                given = self._identities(self._some(harness, len(expected)), len(expected) + repeated)
                found = _without(given, before, repeated)
                while len(found) < len(expected) and len(given) < len(expected) + repeated:
                    given += self._identities(self._some(harness, 1), None)
                    found = _without(given, before, repeated)
            del found[len(expected) :]
            if Counter(found) != Counter(expected) or (len(offsets) == 1 and found != expected):
                self.broken(
                    f"from the offset of record {number + 1} on, {dict(record.source_offset)}, it does not give what "
                    f"came behind that record: {difference(expected, found)}"
                    + ("" if self.repeats else "; where its bookmark includes that record, the suite says: repeats = 1")
                )

    def test_offsets_survive_json(self, tmp_path: Path) -> None:
        """Partitions and offsets come back from JSON as they were: they are stored as that."""
        with self._harness(self.make_config(tmp_path)) as harness:
            for batch in self._batches(harness):
                for given in (batch.source_partition, batch.source_offset, *(batch.source_offsets or [])):
                    if given is not None and json.loads(json.dumps(given)) != dict(given):
                        self.broken(f"{dict(given)} comes back from JSON as {json.loads(json.dumps(given))}")

    def test_offsets_of_nobody_are_refused(self, tmp_path: Path) -> None:
        """A task that finds an offset of a form that it never wrote says so, and raises no bare error."""
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            partitions = {json.dumps(r.source_partition, sort_keys=True) for r in self._records(harness)}
        for odd in ({"never.written": [1, {"a": None}]}, {}):
            offsets = [(json.loads(partition), odd) for partition in partitions if partition != "null"]
            try:
                with self._harness(config, offsets=offsets) as harness:
                    harness.poll()
            except ConnectError as error:
                if isinstance(error, PluginError) and error.code == "plugin.failed":
                    self.broken(
                        f"the offset {odd}, as somebody may set it, fails it with {error.message}; check what "
                        "context.offset returns, and raise a ConfigError that says what was expected"
                    )

    def test_offsets_may_be_altered(self, tmp_path: Path) -> None:
        """Offsets that it gave itself are taken by `alter_offsets`, and so is None, which forgets one."""
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            records = [r for r in self._records(harness) if r.source_offset is not None]
            own = [(r.source_partition, r.source_offset) for r in records]
            for pairs, what in ((own[-1:], "an offset that it gave"), ([(at, None) for at, _ in own[-1:]], "a reset")):
                try:
                    harness.call_connector("alter_offsets", pairs)
                except ConnectError as error:
                    self.broken(f"alter_offsets refuses {what}: {error.message}")

    def test_offsets_that_were_altered_are_heeded(self, tmp_path: Path) -> None:
        """Set back to an earlier offset, or to none, it gives again what came behind that, or `alter_offsets` refuses:
        nothing that it keeps elsewhere counts more."""
        if not self.is_repeatable:
            pytest.skip("the source does not give the same records twice")
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            records = self._records(harness)
            harness.commit()
        middle, offsets = _middle(records)
        partitions = {json.dumps(r.source_partition, sort_keys=True): r.source_partition for r in records}
        for pairs, behind, what in (
            (offsets, middle, f"the offset of record {middle}"),
            ([(partition, None) for partition in partitions.values() if partition is not None], 0, "no offset"),
        ):
            if not self._alters(config, pairs):
                continue
            wanted, known = self._identities(records[behind:], None), self._identities(records[:behind], None)
            repeated = self.repeats * len(offsets) if behind else 0
            with self._harness(config, offsets=[pair for pair in pairs if pair[1] is not None]) as harness:
                given, _ = self._up_to(harness, len(wanted) + repeated)
            found = _without(self._identities(given, None), known, repeated)[: len(wanted)]
            if found != wanted and (len(partitions) == 1 or Counter(found) != Counter(wanted)):
                self.broken(
                    f"set back to {what} behind a commit, it does not give what came behind that: "
                    f"{difference(wanted, found)}; go by context.offset alone, or have alter_offsets refuse"
                )

    def test_offsets_that_were_not_committed_come_again(self, tmp_path: Path) -> None:
        """What was polled and not committed is polled again after a crash: nothing is acknowledged before its time."""
        if not self.is_repeatable:
            pytest.skip("the source does not give the same records twice")
        with self._harness(self.make_config(tmp_path)) as harness:
            before = self._identities(self._records(harness))
            harness.crash()
            again = self._identities(self._records(harness))
        if again != before:
            self.broken(f"after a crash without a commit other records come: {difference(before, again)}")

    def test_offsets_go_on_behind_a_commit(self, tmp_path: Path) -> None:
        """What was committed does not come again after a restart, and nothing behind it is missing."""
        if not self.is_repeatable:
            pytest.skip("the source does not give the same records twice")
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            whole = self._some(harness, 1)
            behind, has_ended = self._up_to(harness, self.records)
            whole += behind
        with self._harness(config) as harness:
            first = self._some(harness, 1)
            harness.commit()
            harness.restart()
            repeated = self.repeats * len({json.dumps(record.source_partition, sort_keys=True) for record in first})
            wanted = self._identities(whole[len(first) :], None)
            rest, _ = self._up_to(harness, len(wanted) + repeated + has_ended)
        found = _without(self._identities(rest, None), self._identities(first, None), repeated)
        if not has_ended:
            del found[len(wanted) :]
        if found != wanted and Counter(found) != Counter(wanted):
            self.broken(f"after a commit and a restart something is missing or twice: {difference(wanted, found)}")

    def test_offsets_commits_are_heard(self, tmp_path: Path) -> None:
        """`commit` and `commit_records` raise nothing, also where they come again with the same."""
        with self._harness(self.make_config(tmp_path)) as harness:
            self._records(harness)
            try:
                harness.commit()
                harness.call("commit", harness.offsets)
            except ConnectError as error:
                self.broken(f"a commit fails it: {error.message}")

    # -- records -----------------------------------------------------------------------------------------------------

    def test_records_come_in_the_same_order_again(self, tmp_path: Path) -> None:
        """Two runs over the same data give the same records in the same order."""
        if not self.is_repeatable:
            pytest.skip("the source does not give the same records twice")
        config = self.make_config(tmp_path)
        runs = []
        for _ in range(2):
            with self._harness(config) as harness:
                runs.append(self._identities(self._records(harness)))
        if runs[0] != runs[1]:
            self.broken(f"two runs give other records, or in another order: {difference(*runs)}")

    def test_records_fit_their_schemas(self, tmp_path: Path) -> None:
        """Keys and values are what their schema says, down to the fields."""
        with self._harness(self.make_config(tmp_path)) as harness:
            for record in self._records(harness):
                self._fits(record)

    def test_records_go_to_topics_that_can_be(self, tmp_path: Path) -> None:
        """Topics have names that Kafka takes."""
        with self._harness(self.make_config(tmp_path)) as harness:
            for topic in {record.topic for record in self._records(harness)}:
                why = why_no_topic(topic)
                if why:
                    self.broken(f"it writes to {topic!r}, which no topic can be called: {why}")

    def test_records_have_times_in_milliseconds(self, tmp_path: Path) -> None:
        """Timestamps are whole milliseconds since the epoch."""
        with self._harness(self.make_config(tmp_path)) as harness:
            for record in self._records(harness):
                at = record.timestamp
                if at is not None and 0 < at < _SECONDS_UP_TO:
                    self.broken(f"a record has the timestamp {at}, which is in seconds; expected milliseconds")

    def test_records_arrive_in_a_worker(self, tmp_path: Path) -> None:
        """A worker runs it, and its topics have the records, as JSON."""
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            counts = Counter(record.topic for record in self._records(harness))
        with Worker(plugins=[self.connector]) as worker, self._working("its topics in a worker"):
            worker.run("certified", {"connector.class": self.connector.plugin_name(), **config})
            for topic, count in counts.items():
                worker.wait_for(topic, count)

    def test_records_stay_as_they_were_given(self, tmp_path: Path) -> None:
        """What was handed over is not changed afterwards: it is converted and sent while the next poll runs."""
        with self._harness(self.make_config(tmp_path)) as harness:
            given: list[tuple[Batch, Any]] = []
            count = 0
            while count < self.records:
                batches = self._batches(harness, 1)
                given += [(batch, copy.deepcopy(_handed(batch))) for batch in batches]
                count += sum(map(len, batches))
            harness.poll()
            harness.commit()
            for batch, before in given:
                if not same(_handed(batch), before):
                    self.broken(
                        "a batch that was given changed behind that; give copies of what the task goes on using"
                    )

    def test_records_can_cross_to_another_process(self, tmp_path: Path) -> None:
        """What it gives can be pickled, and is the same behind it: a plugin may run in a process of its own."""
        with self._harness(self.make_config(tmp_path)) as harness:
            for record in self._records(harness):
                try:
                    there = pickle.loads(pickle.dumps(record))  # noqa: S301 - what was pickled on this line
                except Exception as error:
                    self.broken(f"a record cannot be pickled: {type(error).__name__}: {error}; give plain values")
                if not same((there.key, there.value, there.headers), (record.key, record.value, record.headers)):
                    self.broken(f"a record is another one behind a pickle: {there.value!r:.200}")

    def test_records_are_the_same_in_both_forms(self, tmp_path: Path) -> None:
        """A task that has both `poll` and `poll_batch` gives the same records by each."""
        task_class = self.connector.task_class
        both = all(getattr(task_class, name) is not getattr(SourceTask, name) for name in ("poll", "poll_batch"))
        if not both or not self.is_repeatable:
            pytest.skip("it has one of them")
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            by_batches = self._identities(self._records(harness))
        with self._harness(config) as harness:
            single: list[Record] = []
            deadline = time.monotonic() + self.deadline_s
            while len(single) < self.records and time.monotonic() < deadline:
                polled = harness.call("poll")
                single += [polled] if isinstance(polled, Record) else list(polled or [])
        if self._identities(single) != by_batches:
            self.broken(f"poll gives other records than poll_batch: {difference(by_batches, self._identities(single))}")

    # -- failures ----------------------------------------------------------------------------------------------------

    def test_failure_of_the_upstream_may_pass(self, tmp_path: Path) -> None:
        """An upstream that is away is told by a RetriableError or an EnvironmentFault, or waited for; once it is back
        nothing is missing and nothing there twice."""
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            whole = self._identities(self._records(harness))
        with self._harness(config) as harness:
            found = self._some(harness, 1)
            with self._down(tmp_path):
                for _ in range(3):
                    try:
                        found += harness.poll()
                    except (RetriableError, EnvironmentFault) as error:
                        harness.context.log.debug("as it should: %s", error)
                    except ConnectError as error:
                        self.broken(
                            f"an upstream that is away raises {type(error).__name__}: {error}; expected a "
                            "RetriableError, or an EnvironmentFault"
                        )
            found += self._some(harness, self.records - len(found))
        if self.is_repeatable and self._identities(found) != whole:
            self.broken(
                "behind a failure of the upstream records are missing or twice: "
                f"{difference(whole, self._identities(found))}"
            )

    def test_failure_at_the_start_is_told(self, tmp_path: Path) -> None:
        """A start while the upstream is away works, or says in words what is away; behind its stop nothing is left."""
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:  # what is opened once for the process is no leak
            self._records(harness)
        with nothing_left(self.broken), self._down(tmp_path):
            try:
                with self._harness(config):
                    pass
            except ConnectError as error:
                if error.code == "plugin.failed":
                    self.broken(
                        f"a start while the upstream is away fails with {error.message}; raise a RetriableError"
                    )

    # -- pressure ----------------------------------------------------------------------------------------------------

    def test_pressure_polls_are_bounded(self, tmp_path: Path) -> None:
        """One poll gives a bounded number of records: they are in memory together."""
        with self._harness(self.make_config(tmp_path)) as harness:
            count = sum(map(len, self._batches(harness, 1)))
            if count > POLL_MAX:
                self.broken(f"one poll gives {count} records; expected a part of them, some thousands at most")

    def test_pressure_polls_come_back(self, tmp_path: Path) -> None:
        """A poll that finds nothing comes back within seconds: between two polls the task commits, pauses and stops."""
        with self._harness(self.make_config(tmp_path)) as harness:
            self._all(harness)  # where it has an end, what follows has nothing to find
            for _ in range(3):
                begun = time.monotonic()
                harness.poll()
                took_s = time.monotonic() - begun
                if took_s > 5:
                    self.broken(f"a poll takes {took_s:.1f} s; return nothing after a second, and poll again")

    def test_pressure_a_cancelled_poll_loses_nothing(self, tmp_path: Path) -> None:
        """An `async def` poll that is cancelled, as by a stop, has given nothing; the next one gives what was due."""
        if not self.is_repeatable:
            pytest.skip("the source does not give the same records twice")
        if not on_loop(self.connector.task_class, "poll_batch", "poll"):
            pytest.skip("its poll is a plain def, which is never cancelled")
        config = self.make_config(tmp_path)
        with self._harness(config) as harness:
            whole = self._identities(self._records(harness))
        with self._harness(config) as harness:
            found: list[Record] = []
            for number in range(30):
                polled = self._cancelled(harness, harness.task.poll_batch(), number % 7, "a poll")
                for batch in [polled] if isinstance(polled, Batch) else polled or []:
                    found += batch.records()
                if len(found) >= self.records:
                    break
            found += self._some(harness, self.records - len(found))
        if self._identities(found) != whole:
            self.broken(
                f"where polls are cancelled, records are missing or twice: {difference(whole, self._identities(found))}"
            )

    # -- exactly once, and crashes -----------------------------------------------------------------------------------

    def test_crash_loses_nothing(self, tmp_path: Path) -> None:
        """A worker that runs it is killed at random moments; in the end each record is in its topic, and in order."""
        if not self.is_repeatable:
            pytest.skip("the source does not give the same records twice, so they cannot be counted")
        report = self._crashed(tmp_path, self.make_config(tmp_path), exactly_once=False)
        if report.verdict not in ("at least once", "exactly once"):
            self.broken(f"killed {report.kills} times, it is {report.verdict}, and promises at least once:\n{report}")

    def test_crash_doubles_nothing_where_that_is_promised(self, tmp_path: Path) -> None:
        """A source that supports exactly once has each record once in its topic, whatever is killed when."""
        config = self.make_config(tmp_path)
        if not self._promises_exactly_once(config) or not self.is_repeatable:
            pytest.skip("it does not promise exactly once")
        report = self._crashed(tmp_path, config, exactly_once=True)
        if report.verdict != "exactly once":
            self.broken(f"killed {report.kills} times, it is {report.verdict}, and promises exactly once:\n{report}")

    # -- inside ------------------------------------------------------------------------------------------------------

    def identity(self, record: Record) -> Any:
        """Return what makes a record the same in two runs. Override it where values hold the time of the reading."""
        return record.topic, repr(record.key), repr(record.value)

    def _alters(self, config: Mapping[str, str], pairs: Sequence[tuple[Any, Any]]) -> bool:
        """Return whether the connector takes offsets; it may have reasons not to."""
        made = self._configured(config)
        try:
            answer = made.alter_offsets(pairs)
            if inspect.isawaitable(answer):
                asyncio.run(awaited(answer))
        except ConfigError:
            return False
        except Exception as error:
            self.broken(f"alter_offsets raises {type(error).__name__}: {error}; expected a ConfigError, or nothing")
        return True

    def _failed_start(self, config: Mapping[str, str]) -> None:
        try:
            with _Offsetless(self.connector, config, deadline_s=self.deadline_s) as harness:
                harness.poll()
        except ConnectError as error:
            if error.code == "plugin.timeout":
                self.broken(f"a start that fails does not come to its end: {error.message}")

    @contextmanager
    def _down(self, folder: Path) -> Iterator[None]:
        down = self.upstream_down(folder)
        if down is None:
            pytest.skip("upstream_down(folder) gives none")
        with down:
            yield

    def _begun(self, folder: Path) -> SourceHarness:
        return self._harness(self.make_config(folder))

    def _work(self, harness: SourceHarness) -> None:
        self._records(harness)
        harness.poll()

    def _harness(self, config: Mapping[str, str], **options: Any) -> SourceHarness:
        return SourceHarness(self.connector, config, deadline_s=self.deadline_s, **options)

    def _records(self, harness: SourceHarness) -> list[Record]:
        """Return as many records as the suite looks at."""
        return self._some(harness, self.records)

    def _some(self, harness: SourceHarness, count: int) -> list[Record]:
        with self._working(f"{count} records"):
            return harness.records(count) if count > 0 else []

    def _batches(self, harness: SourceHarness, count: int | None = None) -> list[Batch]:
        wanted = self.records if count is None else count
        deadline = time.monotonic() + self.deadline_s
        found: list[Batch] = []
        with self._working(f"{wanted} records"):
            while sum(map(len, found)) < wanted:
                assert time.monotonic() < deadline, f"{sum(map(len, found))} of {wanted} records came"
                found += harness.poll_batches()
        return found

    def _all(self, harness: SourceHarness) -> list[Record] | None:
        """Return all records of a source that comes to an end; None of one that still gives some after `END_S`."""
        begun = time.monotonic()
        found: list[Record] = []
        while True:
            polled, has_ended = self._up_to(harness, 1)
            found += polled
            if has_ended:
                return found
            if time.monotonic() - begun > END_S:
                return None

    def _up_to(self, harness: SourceHarness, count: int) -> tuple[list[Record], bool]:
        """Return so many records, or all that there are, and whether these are all: as the runtime finds the end."""
        found: list[Record] = []
        came_at = time.monotonic()
        with self._working("its records"):
            while len(found) < count:
                polled = harness.poll()
                found += polled
                if polled:
                    came_at = time.monotonic()
                elif harness.context.drained or time.monotonic() - came_at > _QUIET_S:
                    return found, harness.context.drained is not False
                else:
                    time.sleep(0.005)  # as the runtime waits for the next poll
        return found, False

    def _identities(self, records: Sequence[Record], count: int | None = -1) -> list[Any]:
        """Return what two runs are compared by: of as many records as the suite looks at, of `count`, or of all."""
        end = self.records if count == -1 else count
        return [self.identity(record) for record in records[:end]]

    def _crashed(self, folder: Path, config: Mapping[str, str], *, exactly_once: bool) -> Report:
        if type(self).identity is not SourceSuite.identity:
            pytest.skip("what a topic holds of two runs is not the same: identity is overridden")
        self._needs_its_module()
        with self._harness(config) as harness:
            records = self._all(harness)
        if records is None:
            pytest.skip(
                f"after {END_S:g} s the source still gives records with the suite's config, so what it would have "
                "given is not known"
            )
        with self._working("its topics in a worker that nobody kills"):
            books = source_books(self.connector, config, records)
        with self._working("the end of a run in which it is killed"):
            report = crashed_source(
                folder / "crash", self.connector, config, books, kills=self.kills, exactly_once=exactly_once
            )
        return self._killed(report)


def _middle(records: Sequence[Record]) -> tuple[int, list[tuple[Mapping[str, Any], Mapping[str, Any]]]]:
    """Return behind how many records, about half of them, a source can go on, and its offsets there: where the last
    record of each partition has one."""
    found: tuple[int, dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = (0, {})
    offsets: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    without: set[str] = set()
    for number, record in enumerate(records, 1):
        at = json.dumps(record.source_partition, sort_keys=True)
        if record.source_partition is None or record.source_offset is None:
            without.add(at)
            continue
        without.discard(at)
        offsets[at] = (record.source_partition, record.source_offset)
        if not without and (number <= len(records) // 2 or not found[0]):
            found = (number, dict(offsets))
    return found[0], list(found[1].values())


def _handed(batch: Batch) -> list[Any]:
    """Return all of a batch that the source made."""
    made = [batch.values, batch.keys, batch.timestamps, batch.headers]
    return [*made, batch.source_partition, batch.source_offset, batch.source_offsets]


class _Offsetless(SourceHarness):
    """Has an offset store that is away."""

    def _offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        raise RetriableError("the certificate has no offsets to give now")


def _without(found: Sequence[Any], before: Sequence[Any], at_most: int) -> list[Any]:
    """Return what was found but for `at_most` of what was there before, each as often as it was there."""
    left, kept = Counter(before), list[Any]()
    for number, one in enumerate(found):
        if left[one] and number - len(kept) < at_most:
            left[one] -= 1
        else:
            kept.append(one)
    return kept
