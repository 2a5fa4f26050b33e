"""The certificate of a sink."""

from __future__ import annotations

import asyncio
import copy
import inspect
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

import pytest

from connect.api import (
    Batch,
    ConfigError,
    ConnectError,
    DataError,
    EnvironmentFault,
    Headers,
    Record,
    RetriableError,
    Schema,
    SinkConnector,
    SinkTask,
)
from connect.api.contract import failed_of
from connect.testing.crash import Report
from connect.testing.harness.sinks import SinkHarness
from connect.testing.harness.workers import Worker
from connect.testing.suites.base import awaited, difference, logged, no_more_sockets, nothing_left, told
from connect.testing.suites.connectors import ConnectorSuite
from connect.testing.suites.crashes import crashed_sink, fill_topics, json_with_schemas
from connect.testing.suites.given import until
from connect.testing.suites.values import ODD, PLAIN, PRIMITIVES, same, typed

#: How many records are put where it does not matter.
RECORDS: Final = 12
_SEED: Final = 14
_EXACTLY_ONCE: Final = {"delivery.guarantee": "exactly-once"}


class SinkSuite(ConnectorSuite):
    """Checks of a sink connector. Subclass it in a test module, with `Test` in front of the name.

    What is in the target the author says by `read`, and as what a record is found there by `as_read`. Each check has a
    folder of its own, and some have several targets: whatever `make_config` names has to be of its `folder` alone.

    Attributes:
        connector: The connector's class, or what `@sink` made.
        topic, other_topic: Of the records that are put.
        is_idempotent: What is put a second time leaves the target as it was, as where rows are found by a key.
        is_ordered: `read` gives what it finds in the order in which it was put.
        large: How many records come in a large put; less for a target that takes its time for each.
        kills: How often a worker that runs it is killed; 0 for a target that is in the process alone.
    """

    connector: ClassVar[type[SinkConnector]]
    topic: ClassVar[str] = "topic"
    other_topic: ClassVar[str] = "other"
    is_idempotent: ClassVar[bool] = False
    is_ordered: ClassVar[bool] = True
    large: ClassVar[int] = 5_000
    kills: ClassVar[int] = 5

    def plugin_class(self) -> type[SinkConnector]:
        return self.connector

    # -- what an author says -----------------------------------------------------------------------------------------

    def make_record(self, number: int) -> Record:
        """Return the record of a number, no two alike. Override it where the sink wants records of a certain form."""
        return Record(self.topic, f"value {number}", key=f"key {number}")

    def read(self, folder: Path) -> list[Any]:
        """Return what is in the target that `make_config(folder)` names: an item for each record. Also called while a
        worker writes it; what is not whole yet is left out."""
        pytest.skip("read(folder) is not written, which returns what is in the target")

    def as_read(self, record: Record) -> Any:
        """Return as what `read` finds a record."""
        return record.value

    def typed_record(self, schema: Schema | None, value: Any) -> Record:
        """Return a record with a value of some type; the sink may refuse it with a DataError."""
        return Record(self.topic, value, value_schema=schema, key="key")

    def bad_record(self) -> Record | None:
        """Return a record that the sink cannot take; None where it takes everything."""
        return None

    def target_down(self, folder: Path) -> AbstractContextManager[Any] | None:
        """Return a context manager within which the target of `folder` refuses, and will not later. None: it cannot be
        had."""
        return None

    def target_breaks(self, folder: Path, records: int) -> AbstractContextManager[Any] | None:
        """Return a context manager within which the target of `folder` takes so many more records, and refuses what
        comes behind. None: it cannot be had."""
        return None

    def target_slow(self, folder: Path) -> AbstractContextManager[Any] | None:
        """Return a context manager within which the target takes its time, some tenths of a second a call. None: it
        cannot be had."""
        return None

    # -- life --------------------------------------------------------------------------------------------------------

    def test_life_starts_takes_records_and_stops(self, tmp_path: Path) -> None:
        """With the suite's config it takes records, flushes them, and stops without an error."""
        with self._harness(tmp_path) as harness:
            harness.put(*self._records())
            harness.flush()

    def test_life_stops_without_a_put(self, tmp_path: Path) -> None:
        """A task that is stopped right behind its start stops without an error."""
        with self._harness(tmp_path) as harness:
            self._ends(harness, "it cannot stop right behind its start")

    def test_life_stops_while_it_puts(self, tmp_path: Path) -> None:
        """A stop that comes while a put waits, as where the target is away, is over within the deadline."""
        with self._harness(tmp_path) as harness, self._down(tmp_path, needed=False):
            self._stops_within(harness, lambda: harness.put(*self._records()), "a put")

    def test_life_leaves_no_thread_and_no_file(self, tmp_path: Path) -> None:
        """What it opened and started is closed and ended behind a stop."""
        with self._harness(tmp_path) as harness:  # what is opened once for the process is no leak
            harness.put(*self._records())
        with nothing_left(self.broken), self._harness(tmp_path) as harness:
            harness.put(*self._records())

        def again() -> None:
            with self._harness(tmp_path) as harness:
                harness.put(*self._records())

        no_more_sockets(self.broken, again)

    def test_life_starts_again_and_again(self, tmp_path: Path) -> None:
        """Five starts and stops after each other work: nothing is held that the next start needs."""
        for number in range(5):
            with self._working(f"start {number + 1} of 5"), self._harness(tmp_path) as harness:
                harness.put(self.make_record(number))

    def test_life_of_two_is_apart(self, tmp_path: Path) -> None:
        """Two connectors of the class at once write each to its own target: nothing is kept in the class or module."""
        places = [_place(tmp_path, name) for name in ("first", "second")]
        records = self._records()
        with self._harness(places[0]) as first, self._harness(places[1]) as second:
            for number, record in enumerate(records):
                (first, second)[number % 2].put(record)
        for number, place in enumerate(places):
            self._holds(place, records[number::2], f"of two at once, number {number + 1}")

    def test_life_hides_secrets(self, tmp_path: Path) -> None:
        """No secret of the config is in a message or in the log."""
        given, secrets = self._secrets(self.make_config(tmp_path))
        shown = []
        with logged() as lines:
            try:
                with self._plain_harness(given) as harness:
                    harness.put(*self._records())
            except ConnectError as error:
                shown = told(error)
        for name, value in secrets.items():
            if any(value in text for text in (*shown, *lines)):
                self.broken(f"the secret of {name} is in a message or the log")

    # -- configs of tasks, partitions --------------------------------------------------------------------------------

    def test_partitions_come_and_go(self, tmp_path: Path) -> None:
        """Partitions are opened and closed one after the other while records of others are put."""
        with self._harness(tmp_path) as harness:
            harness.put(self.make_record(0))
            harness.assign((self.topic, 1), (self.topic, 2))
            harness.put(self._at(1, 1), self._at(2, 2))
            harness.revoke((self.topic, 0))
            harness.put(self._at(3, 1))
            harness.revoke((self.topic, 1), (self.topic, 2))
            harness.flush()
            harness.assign((self.topic, 0))
            harness.put(self.make_record(4))
        self._holds(tmp_path, [self.make_record(n) for n in range(5)], "where partitions come and go", ordered=False)

    def test_partitions_may_be_none(self, tmp_path: Path) -> None:
        """A task that has no partition starts, flushes and stops: there may be more tasks than partitions."""
        config = {"topics": self.topic, **self.make_config(tmp_path)}
        with self._working("its end without a partition"), self._plain_harness(config, partitions=()) as harness:
            harness.flush()

    def test_partitions_given_back_go_on(self, tmp_path: Path) -> None:
        """A partition that is taken away and given back goes on where it was: nothing is lost, nothing there twice."""
        records = self._records()
        with self._harness(tmp_path) as harness:
            harness.put(*records[:5])
            harness.revoke((self.topic, 0))
            harness.assign((self.topic, 0))
            harness.put(*records[5:])
        self._holds(tmp_path, records, "where a partition was away")

    def test_partitions_keep_their_order(self, tmp_path: Path) -> None:
        """Records of one partition are in the target in the order in which they were put, whatever comes between."""
        if not self.is_ordered:
            pytest.skip("read(folder) gives no order")
        records = [self._at(number, number % 2) for number in range(self._count)]
        with self._harness(tmp_path, partitions=((self.topic, 0), (self.topic, 1))) as harness:
            for record in records:
                harness.put(record)
        found = self._found(tmp_path)
        for partition in range(2):
            wanted = [self.as_read(record) for record in records[partition::2]]
            own = [one for one in found if any(same(one, want) for want in wanted)]
            if not same(own, wanted):
                self.broken(f"partition {partition} is out of order: {difference(wanted, own)}")

    # -- offsets -----------------------------------------------------------------------------------------------------

    def test_offsets_of_a_flush_are_those_of_what_was_put(self, tmp_path: Path) -> None:
        """`flush` promises no more than was put, and once all is put and flushed, no less."""
        with self._harness(tmp_path) as harness:
            for count in (1, 4):
                harness.put(*self._records()[:count])
                with self._flushing():
                    harness.flush()
            with self._flushing():
                promised = harness.flush().get((self.topic, 0), 0)
            if promised < 5:
                self.broken(
                    f"of 5 records that were put and flushed {promised} are promised, so the others come again at each "
                    "start; where it waits for more of them, give the suite a config with which it does not"
                )

    def test_offsets_of_a_flush_are_true(self, tmp_path: Path) -> None:
        """What a flush promises is in the target when it returns: offsets are committed, and it does not come again."""
        records = self._records()
        with self._harness(tmp_path) as harness:
            harness.put(*records)
            with self._flushing():
                promised = harness.flush().get((self.topic, 0), 0)
            when = f"behind a flush that promises {promised} records"
            self._holds(tmp_path, records[:promised], when, more=True, others=records[promised:])

    def test_offsets_of_an_empty_flush(self, tmp_path: Path) -> None:
        """A flush without a put before it, and a second one behind it, do nothing."""
        with self._harness(tmp_path) as harness:
            for _ in range(2):
                with self._flushing():
                    harness.flush()
            harness.put(self.make_record(0))
            for _ in range(2):
                with self._flushing():
                    harness.flush()
        self._holds(tmp_path, [self.make_record(0)], "behind empty flushes")

    def test_offsets_go_on_behind_a_restart(self, tmp_path: Path) -> None:
        """Behind a restart what was flushed stays, what comes is added, and nothing is there twice."""
        records = self._records()
        with self._harness(tmp_path) as harness:
            harness.put(*records[:5])
            harness.restart()
            harness.put(*records[5:])
        self._holds(tmp_path, records, "behind a restart")

    def test_offsets_that_were_not_flushed_come_again(self, tmp_path: Path) -> None:
        """What was put and not flushed is put again to the next task; all of it is there then, in order, and, where the
        sink is idempotent, nothing twice."""
        records = self._records()
        with self._harness(tmp_path) as harness:
            harness.put(*records[:4])
            harness.flush()
            harness.put(*records[4:8])
            with self._working("a start behind a stop without a flush"):
                harness.restart(flush=False)
            harness.put(*records[8:])
        self._holds(tmp_path, records, "where some come again", more=not self.is_idempotent)

    def test_offsets_of_the_target_are_true(self, tmp_path: Path) -> None:
        """Where `resume_offsets` says a partition goes on, everything in front is in the target, and nothing behind."""
        if self.connector.task_class.resume_offsets is SinkTask.resume_offsets:
            pytest.skip("it keeps no offsets in its target")
        records = self._records()
        with self._harness(tmp_path, more=_EXACTLY_ONCE) as harness:
            harness.put(*records[:4])
            harness.flush()
            harness.put(*records[4:8])
            with self._working("a start behind a stop without a flush"):
                harness.restart(flush=False)
            harness.put(*records[8:])
        self._holds(tmp_path, records, "where a task goes on by resume_offsets")

    def test_offsets_may_be_altered(self, tmp_path: Path) -> None:
        """`alter_offsets` takes an offset of a partition, and None, which forgets one, or refuses with a reason."""
        with self._harness(tmp_path) as harness:
            harness.put(*self._records())
        for offset, what in ((2, "an offset"), (None, "a reset")):
            made = self._configured(self.make_config(tmp_path))
            try:
                answer = made.alter_offsets({(self.topic, 0): offset})
                if inspect.isawaitable(answer):
                    answer = asyncio.run(awaited(answer))
            except ConfigError as error:
                if len(error.message.strip()) < 5:
                    self.broken(f"alter_offsets refuses {what} without a reason")
                continue
            except Exception as error:
                self.broken(f"alter_offsets refuses {what}: {type(error).__name__}: {error}")
            if not isinstance(answer, bool):
                self.broken(f"alter_offsets returns {answer!r}; expected whether it looked at them")

    def test_offsets_that_were_altered_are_heeded(self, tmp_path: Path) -> None:
        """Where the target has offsets, `alter_offsets` sets them there, and forgets them for None, or refuses: else
        what a user sets back is not given again."""
        if self.connector.task_class.resume_offsets is SinkTask.resume_offsets:
            pytest.skip("it keeps no offsets in its target")
        at, records = (self.topic, 0), self._records()
        with self._harness(tmp_path, more=_EXACTLY_ONCE) as harness:
            harness.put(*records)
        for offset, allowed, what in ((2, (2, None), "2"), (None, (0, None), "none")):
            made = self._configured(self.make_config(tmp_path) | _EXACTLY_ONCE)
            try:
                answer = made.alter_offsets({at: offset})
                if inspect.isawaitable(answer):
                    asyncio.run(awaited(answer))
            except ConfigError:
                continue  # why not, in words
            with self._harness(tmp_path, more=_EXACTLY_ONCE) as harness:
                found = (harness.call("resume_offsets", [at]) or {}).get(at)
            if found not in allowed:
                self.broken(
                    f"its offset was altered to {what}, and it goes on at {found} all the same; set it in the target "
                    "by alter_offsets, or refuse with a ConfigError"
                )

    # -- records -----------------------------------------------------------------------------------------------------

    def test_records_are_in_the_target(self, tmp_path: Path) -> None:
        """What is put is found in the target, each record once, and nothing else."""
        records = self._records()
        with self._harness(tmp_path) as harness:
            harness.put(*records)
        self._holds(tmp_path, records, "behind a put")

    def test_records_one_by_one_are_as_in_a_batch(self, tmp_path: Path) -> None:
        """Records that are put one by one leave in the target what they do in one batch."""
        places, records = [_place(tmp_path, name) for name in ("batch", "single")], self._records()
        with self._harness(places[0]) as harness:
            harness.put(*records)
        with self._harness(places[1]) as harness:
            for record in records:
                harness.put(record)
        self._equal(places, "one by one")

    def test_records_are_the_same_in_both_forms(self, tmp_path: Path) -> None:
        """A task that has both `put` and `put_batch` writes the same by each."""
        task_class = self.connector.task_class
        if not all(getattr(task_class, name) is not getattr(SinkTask, name) for name in ("put", "put_batch")):
            pytest.skip("it has one of them")
        places, records = [_place(tmp_path, name) for name in ("batch", "records")], self._records()
        with self._harness(places[0]) as harness:
            harness.put(*records)
        with self._harness(places[1]) as harness, self._working("a put of records"):
            harness.call("put", harness._numbered(records, None, None))
            harness.call("flush")
        self._equal(places, "by put")

    def test_records_stay_as_they_were(self, tmp_path: Path) -> None:
        """What it is given it does not change: a put that fails comes again with the same."""
        own = [record.replace(headers=Headers().add("h", {"a": [1]})) for record in self._records()]
        nested = self.typed_record(None, {"a": {"b": 1}, "c": [1, 2]}).replace(headers=Headers().add("h", [1]))
        with self._harness(tmp_path) as harness:
            for records in (own, [nested]):
                for batch in Batch.group(harness._numbered(records, None, None)):
                    before = copy.deepcopy((batch.values, batch.keys, batch.headers, batch.timestamps))
                    with harness._reaching({(self.topic, 0): len(records)}):
                        try:
                            harness.call("put_batch", batch)
                        except DataError as error:
                            if records is own:
                                self.broken(f"its own records are refused: {error.message}")
                    if not same((batch.values, batch.keys, batch.headers, batch.timestamps), before):
                        self.broken("it changes the batch that it is given; copy what is to be changed")
            self._ends(harness, "it cannot stop")

    def test_records_without_values_are_taken_or_refused(self, tmp_path: Path) -> None:
        """A tombstone is written, passed over, deletes, or is refused with a DataError."""
        with self._harness(tmp_path) as harness:
            harness.put(self.make_record(0))
            self._taken_or_refused(harness, self.make_record(0).replace(value=None, value_schema=None), "a tombstone")
            self._taken_or_refused(harness, self.make_record(1), "a record behind a tombstone", has_to=True)

    def test_records_without_keys_are_taken_or_refused(self, tmp_path: Path) -> None:
        """A record without a key is written, or refused with a DataError."""
        with self._harness(tmp_path) as harness:
            self._taken_or_refused(
                harness, self.make_record(0).replace(key=None, key_schema=None), "a record without a key"
            )
            self._taken_or_refused(harness, self.make_record(1), "a record behind one without a key", has_to=True)

    def test_records_with_headers_are_taken(self, tmp_path: Path) -> None:
        """Headers of any type, and twice the same, are nothing to refuse a record for."""
        headers = Headers()
        for name, (schema, edges) in PRIMITIVES.items():
            headers.add(name, edges[0], schema).add(name, edges[1], schema)
        headers.add("none", None)
        with self._harness(tmp_path) as harness:
            self._taken_or_refused(
                harness, self.make_record(0).replace(headers=headers), "a record with headers", has_to=True
            )
            self._taken_or_refused(
                harness, self.make_record(1).replace(timestamp=None), "a record without a time", has_to=True
            )

    def test_records_with_and_without_schemas_are_taken_or_refused(self, tmp_path: Path) -> None:
        """Values of every type, with their schema and without, are written, or refused with a DataError: any other
        exception is taken for a broken plugin."""
        drawn = [(schema, value) for _, schema, value in typed(_SEED, 10)] + [(None, value) for value in PLAIN]
        with self._harness(tmp_path) as harness:
            for schema, value in drawn:
                record = self.typed_record(schema, value)
                self._taken_or_refused(harness, record, f"a record with {value!r:.60} as {schema!r}")
            self._taken_or_refused(harness, self.make_record(0), "a record behind those of all types", has_to=True)

    def test_records_of_any_kind_are_taken_or_refused(self, tmp_path: Path) -> None:
        """Whatever a key or value is, it is written, or refused with a DataError."""
        with self._harness(tmp_path) as harness:
            for value in ODD:
                for schema in (None, PRIMITIVES["string"][0], PRIMITIVES["int32"][0]):
                    self._taken_or_refused(harness, self.typed_record(schema, value), f"a record with {value!r:.60}")
                self._taken_or_refused(
                    harness,
                    self.make_record(1).replace(key=value, key_schema=None),
                    f"a record with the key {value!r:.60}",
                )

    def test_records_that_are_taken_are_there(self, tmp_path: Path) -> None:
        """Whatever a value is that is not null, it is in the target in some form, or was refused: nothing is passed
        over in silence."""
        for number, value in enumerate((*PLAIN, *ODD)):
            if value is None:
                continue
            place, what = _place(tmp_path, str(number)), f"a record with {value!r:.60}"
            with self._harness(place) as harness:
                is_taken = self._taken_or_refused(harness, self.typed_record(None, value), what)
            if is_taken and not self._has_any(place):
                self.broken(f"{what} is taken, and nothing is in the target; write it, or raise a DataError")

    def test_records_of_every_type_come_back(self, tmp_path: Path) -> None:
        """A value of each type that it takes is found in the target as what it was."""
        for name, (schema, edges) in PRIMITIVES.items():
            for number, value in enumerate(edges[:2]):
                place, record = _place(tmp_path, f"{name}{number}"), self.typed_record(schema, value)
                with self._harness(place) as harness:
                    is_taken = self._taken_or_refused(harness, record, f"a record with {value!r:.60}, a {name}")
                if is_taken:
                    self._holds(place, [record], f"{value!r:.60}, a {name},")

    def test_records_of_several_topics_come_together(self, tmp_path: Path) -> None:
        """Records of two topics and of two partitions that come in one put are all written."""
        records = []
        for number in range(self._count):
            record = self._at(number, number % 2)
            records.append(record.replace(topic=self.other_topic) if number % 3 == 0 else record)
        partitions = [(topic, partition) for topic in (self.topic, self.other_topic) for partition in range(2)]
        with self._harness(tmp_path, partitions=partitions) as harness, self._working("a put of two topics"):
            harness.put_together(*records)
        self._holds(tmp_path, records, "where two topics come together", ordered=False)

    def test_records_that_are_bad_are_told_by_a_data_error(self, tmp_path: Path) -> None:
        """A record that it cannot take raises a DataError that says why and, where it names records, names that one."""
        good, bad = self._bad_one()
        with self._harness(tmp_path) as harness:
            together = [good, bad, self.make_record(1)]
            is_one_batch = len(Batch.group(record.replace(partition=0) for record in together)) == 1
            records = together if is_one_batch else [bad]
            try:
                harness.put(*records)
            except DataError as error:
                named = [one.index for one in failed_of(harness.task, "put_batch", error, len(records))]
                if named and named != [records.index(bad)]:
                    self.broken(
                        f"the DataError names the records {named} as bad; it is the one at {records.index(bad)}"
                    )
                if len(error.message.strip()) < 5:
                    self.broken("the DataError does not say what is wrong with the record")
            except ConnectError as error:
                self.broken(f"a bad record raises {type(error).__name__}: {error}; expected a DataError")
            else:
                self.broken("a record that the suite says is bad is taken")

    def test_records_beside_a_bad_one_are_there_once(self, tmp_path: Path) -> None:
        """Of a put with a bad record nothing stays; the others come again without it, and are there once."""
        good, bad = self._bad_one()
        records = [good, self.make_record(1), self.make_record(2)]
        with self._harness(tmp_path) as harness:
            harness.put(records[0])
            together = [record.replace(partition=0) for record in (records[1], bad, records[2])]
            refused = together if len(Batch.group(together)) == 1 else [bad]
            try:
                harness.put(*refused)
            except ConnectError:
                with self._working("a put of the others"):
                    harness.put(*records[1:])
        self._holds(tmp_path, records, "beside a bad record")

    def test_records_arrive_from_a_worker(self, tmp_path: Path) -> None:
        """A worker runs it on a topic, and the target has the records."""
        records, target, data = self._records(), _place(tmp_path, "target"), tmp_path / "log"
        config = {"topics": self.topic, **json_with_schemas(), **self.make_config(target)}
        fill_topics(data, records)
        with Worker(data, plugins=[self.connector]) as worker, self._working("records of a worker"):
            worker.run("certified", {"connector.class": self.connector.plugin_name(), **config})
            worker.until_running("certified")
            at = {"kafka_topic": self.topic, "kafka_partition": 0}
            end = {"kafka_offset": len(records)}
            until(worker, ["certified"], lambda: (at, end) in worker.offsets("certified"), "all is committed")
        self._holds(target, records, "in a worker", more=not self.is_idempotent)

    # -- failures and pressure ---------------------------------------------------------------------------------------

    def test_failure_of_the_target_may_pass(self, tmp_path: Path) -> None:
        """A target that is away is told by a RetriableError or an EnvironmentFault: it is tried again, and no record is
        taken for a bad one."""
        with self._harness(tmp_path) as harness, self._down(tmp_path):
            try:
                harness.put(*self._records())
                harness.flush()
            except (RetriableError, EnvironmentFault):
                pass
            except ConnectError as error:
                self.broken(
                    f"a target that is away raises {type(error).__name__}: {error}; expected a RetriableError, or an "
                    "EnvironmentFault"
                )
            else:
                self.broken("put and flush return though the target is away: what they promised is nowhere")
            harness.stop()

    def test_failure_of_the_target_keeps_nothing(self, tmp_path: Path) -> None:
        """Behind a failure the same records come again, and are there once."""
        records = self._records()
        with self._harness(tmp_path) as harness:
            harness.put(*records[:4])
            harness.flush()
            is_put = False
            with self._down(tmp_path):
                try:
                    harness.put(*records[4:])
                    is_put = True
                    harness.flush()
                except ConnectError as error:
                    harness.context.log.debug("as it should: %s", error)
            with self._working("a put behind a failure of the target"):
                if not is_put:
                    harness.put(*records[4:])
                harness.flush()
        self._holds(tmp_path, records, "behind a failure of the target")

    def test_failure_within_a_put_doubles_nothing(self, tmp_path: Path) -> None:
        """Where the target refuses in the middle of a put, the same records come again, and each is there once."""
        records = self._records()
        with self._harness(tmp_path) as harness:
            breaks = self.target_breaks(tmp_path, self._count // 3)
            if breaks is None:
                pytest.skip("target_breaks(folder, records) gives none")
            is_put = False
            with breaks:
                try:
                    harness.put(*records)
                    is_put = True
                    harness.flush()
                except (RetriableError, EnvironmentFault) as error:
                    harness.context.log.debug("as it should: %s", error)
                except ConnectError as error:
                    self.broken(
                        f"a target that refuses in the middle raises {type(error).__name__}: {error}; expected a "
                        "RetriableError, or an EnvironmentFault"
                    )
            with self._working("a put behind one that was broken off"):
                if not is_put:
                    harness.put(*records)
                harness.flush()
        self._holds(tmp_path, records, "behind a put that was broken off")

    def test_failure_at_the_start_is_told(self, tmp_path: Path) -> None:
        """A start while the target is away works, or says in words what is away; behind its stop nothing is left."""
        config = self.make_config(tmp_path)
        with self._harness(tmp_path) as harness:  # what is opened once for the process is no leak
            harness.put(self.make_record(0))
        with nothing_left(self.broken), self._down(tmp_path):
            try:
                with self._plain_harness(config):
                    pass
            except ConnectError as error:
                if error.code == "plugin.failed":
                    self.broken(f"a start while the target is away fails with {error.message}; raise a RetriableError")

    def test_pressure_a_slow_target_is_waited_for(self, tmp_path: Path) -> None:
        """With a slow target puts and flush wait, within the deadline, and everything arrives in order."""
        slow, records = self.target_slow(tmp_path), self._records()
        if slow is None:
            pytest.skip("target_slow(folder) gives none")
        with self._harness(tmp_path) as harness:
            with slow, self._working("puts into a slow target"):
                for record in records[:4]:
                    harness.put(record)
                harness.flush()
            harness.put(*records[4:])
        self._holds(tmp_path, records, "with a slow target")

    def test_pressure_a_large_put_is_taken(self, tmp_path: Path) -> None:
        """Many records in one put, as many as the suite says is large, are written within the deadline."""
        records = [self.make_record(number) for number in range(self.large)]
        with self._harness(tmp_path) as harness, self._working(f"a put of {self.large} records"):
            harness.put(*records)
            harness.flush()
        self._holds(tmp_path, records, "behind a large put")

    def test_pressure_many_puts_do_not_wait_for_one_flush(self, tmp_path: Path) -> None:
        """A flush behind two hundred puts comes back soon: what is put is not kept for it without end."""
        with self._harness(tmp_path) as harness:
            for number in range(200):
                harness.put(self.make_record(number))
            begun = time.monotonic()
            with self._flushing():
                harness.flush()
            took_s = time.monotonic() - begun
            if took_s > self.deadline_s / 2:
                self.broken(f"a flush behind 200 puts takes {took_s:.1f} s; write in put what there is")
        self._holds(tmp_path, [self.make_record(number) for number in range(200)], "behind many puts")

    def test_pressure_a_cancelled_put_leaves_no_half_record(self, tmp_path: Path) -> None:
        """An `async def` put that is cancelled, as by the end of a worker, leaves whole records or none; the next task
        is given them again, and all are there."""
        task_class = self.connector.task_class
        if not any(inspect.iscoroutinefunction(getattr(task_class, name)) for name in ("put", "put_batch")):
            pytest.skip("its put is a plain def, which is never cancelled")
        records = self._records()
        for steps in (0, 1, 2, 3, 5, 8):
            place = _place(tmp_path, str(steps))
            with self._harness(place) as harness:
                batch = Batch.group(harness._numbered(records, None, None))[0]
                with harness._reaching({(self.topic, 0): len(batch)}):
                    self._cancelled(harness, harness.task.put_batch(batch), steps, "a put")
                self._ends(harness, "it cannot stop behind a put that was cancelled")
            with self._working("a start behind a put that was cancelled"), self._harness(place) as harness:
                harness.put(*records)
            self._holds(place, records, f"where a put was cancelled after {steps} turns", more=not self.is_idempotent)

    # -- exactly once, and crashes -----------------------------------------------------------------------------------

    def test_crash_loses_nothing(self, tmp_path: Path) -> None:
        """A worker that runs it is killed around puts, flushes and commits; in the end each record is in the target, in
        order, and, where the sink is idempotent, once."""
        report = self._crashed(tmp_path, {})
        wanted = ("exactly once",) if self.is_idempotent else ("at least once", "exactly once")
        if report.verdict not in wanted:
            self.broken(f"killed {report.kills} times, it is {report.verdict}, and promises {wanted[0]}:\n{report}")

    def test_crash_doubles_nothing_where_that_is_promised(self, tmp_path: Path) -> None:
        """A sink that supports exactly once has each record once in its target, whatever is killed when."""
        if not self._promises_exactly_once(self.make_config(tmp_path) | _EXACTLY_ONCE):
            pytest.skip("it does not promise exactly once")
        report = self._crashed(tmp_path, _EXACTLY_ONCE)
        if report.verdict != "exactly once":
            self.broken(f"killed {report.kills} times, it is {report.verdict}, and promises exactly once:\n{report}")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _begun(self, folder: Path) -> AbstractContextManager[SinkHarness]:
        return self._harness(folder)

    def _work(self, harness: SinkHarness) -> None:
        for record in self._records():
            harness.put(record)
        harness.flush()

    @property
    def _count(self) -> int:
        return RECORDS

    def _records(self) -> list[Record]:
        return [self.make_record(number) for number in range(self._count)]

    def _at(self, number: int, partition: int) -> Record:
        return self.make_record(number).replace(partition=partition)

    def _plain_harness(
        self, config: Mapping[str, str], partitions: Sequence[tuple[str, int]] | None = None
    ) -> SinkHarness:
        given = ((self.topic, 0),) if partitions is None else partitions
        return SinkHarness(self.connector, config, partitions=given, deadline_s=self.deadline_s)

    @contextmanager
    def _harness(
        self,
        folder: Path,
        partitions: Sequence[tuple[str, int]] | None = None,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[SinkHarness]:
        """Give a task whose target is of a folder; what it raises fails the check."""
        config = {**self.make_config(folder), **more}
        with self._working("the end of its work"), self._plain_harness(config, partitions) as harness:
            yield harness

    @contextmanager
    def _down(self, folder: Path, *, needed: bool = True) -> Iterator[None]:
        down = self.target_down(folder)
        if down is None:
            if needed:
                pytest.skip("target_down(folder) gives none")
            yield
            return
        with down:
            yield

    @contextmanager
    def _flushing(self) -> Iterator[None]:
        try:
            yield
        except ConnectError as error:
            self.broken(f"a flush fails, or promises what it cannot: {error.message}")

    def _taken_or_refused(self, harness: SinkHarness, record: Record, what: str, *, has_to: bool = False) -> bool:
        """Return whether a record is taken; fail where it is refused otherwise than by a DataError."""
        try:
            harness.put(record)
            harness.flush()
        except DataError as error:
            if has_to:
                self.broken(f"{what} is refused: {error.message}")
            return False
        except ConnectError as error:
            self.broken(f"{what} raises {type(error).__name__}: {error.message}; take it, or raise a DataError")
        return True

    def _bad_one(self) -> tuple[Record, Record]:
        bad = self.bad_record()
        if bad is None:
            pytest.skip("bad_record() gives none")
        return self.make_record(0), bad.replace(partition=0)

    def _found(self, folder: Path) -> list[Any]:
        return list(self.read(folder))

    def _has_any(self, folder: Path) -> bool:
        try:
            return bool(self._found(folder))
        except ValueError:  # there is something, which the suite does not read
            return True

    def _holds(
        self,
        folder: Path,
        records: Sequence[Record],
        when: str,
        *,
        more: bool = False,
        others: Sequence[Record] = (),
        ordered: bool = True,
    ) -> None:
        """Fail where the target does not hold the records: lost ones, strange ones, ones that are out of order, and,
        unless `more` is allowed, ones that are there twice. `others` may be there."""
        wanted, found = [self.as_read(record) for record in records], self._found(folder)
        counts, texts = Counter(map(repr, found)), [repr(one) for one in wanted]
        lost = [text for text in texts if not counts[text]]
        if lost:
            self.broken(f"{when}, {len(lost)} of {len(wanted)} records are not in the target, as {lost[0]:.200}")
        strange = set(counts) - set(texts) - {repr(self.as_read(record)) for record in others}
        if strange:
            self.broken(f"{when}, the target has what was never put: {sorted(strange)[0]:.200}")
        if not more and len(found) > len(wanted):
            twice = next((text for text in texts if counts[text] > texts.count(text)), "more of them")
            self.broken(f"{when}, {len(found) - len(wanted)} records are in the target twice, as {twice:.200}")
        first = [text for text in counts if text in texts]
        once = list(dict.fromkeys(texts))
        if ordered and self.is_ordered and first != once:
            self.broken(
                f"{when}, records are out of order: {difference(once, first)}; where read cannot tell the order of the "
                "puts, as with several files, the suite says: is_ordered = False"
            )

    def _equal(self, places: Sequence[Path], how: str) -> None:
        first, second = (self._found(place) for place in places)
        if not self.is_ordered:
            first, second = sorted(first, key=repr), sorted(second, key=repr)
        if not same(first, second):
            self.broken(f"{how} the target is another one: {difference(first, second)}")

    def _crashed(self, folder: Path, more: Mapping[str, str]) -> Report:
        if not self.kills:
            pytest.skip("kills is 0")
        target = _place(folder, "target")
        config = self.make_config(target) | dict(more)
        self._needs_its_module()
        self.read(target)  # where it is not written the check is skipped, before anything is killed
        with self._working("the end of a run in which it is killed"):
            report = crashed_sink(
                folder,
                self.connector,
                config,
                self.make_record,
                self.as_read,
                lambda: self.read(target),
                kills=self.kills,
                is_ordered=self.is_ordered,
            )
        return self._killed(report)


def _place(folder: Path, name: str) -> Path:
    """Return a folder of a target's own."""
    place = folder / name
    place.mkdir()
    return place
