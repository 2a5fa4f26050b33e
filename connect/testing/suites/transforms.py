"""The certificate of a transform."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from connect.api import Batch, DataError, Record, Schema, Transform
from connect.api.contract import batches_of, failed_of
from connect.records import why_no_topic
from connect.testing.harness.workers import Worker
from connect.testing.suites.base import difference
from connect.testing.suites.called import CalledSuite
from connect.testing.suites.crashes import json_with_schemas
from connect.testing.suites.given import given_source, keeping_sink, until
from connect.testing.suites.values import ODD, PLAIN, Values, ordinary, same

#: What a transform leaves as it is, whatever it is for: where a record came from, and where that goes on.
_COORDINATES: Final = ("source_partition", "source_offset", "offset", "original_topic", "original_partition")
#: What it may change if it says so.
_PARTS: Final = ("topic", "partition", "timestamp", "headers", "key", "key_schema", "value", "value_schema")
_TOPIC: Final = "topic"


class TransformSuite(CalledSuite):
    """Checks of a transform. Subclass it in a test module, with `Test` in front of the name.

    Attributes:
        transform: The class, or what `@transform` made.
        changes: The parts of a record that it changes: key, key_schema, value, value_schema, headers, timestamp, topic,
            partition. All others have to stay.
        keeps_tombstones: A record without value comes out as one. False for one that drops or fills them on purpose.
        is_repeatable: The same record gives the same again. False for one that makes something up: a time, a number.
        keeps_state: What it gives depends on the records before. Then it is not asked for the same again.
    """

    transform: ClassVar[type[Transform]]
    changes: ClassVar[frozenset[str]] = frozenset({"key", "key_schema", "value", "value_schema"})
    keeps_tombstones: ClassVar[bool] = True
    is_repeatable: ClassVar[bool] = True
    keeps_state: ClassVar[bool] = False
    _seen_in = "a message, a record"

    def plugin_class(self) -> type[Transform]:
        return self.transform

    # -- what an author says -----------------------------------------------------------------------------------------

    def records(self) -> list[Record]:
        """Return the records that it is tried with: some that it changes, and some that it leaves. Override it where
        records have to be of a certain form."""
        return ordinary(_TOPIC, 12)

    def examples(self) -> list[tuple[Record, Record | None]]:
        """Return pairs of a record and what has to come of it, None where it is dropped."""
        return []

    def bad_record(self) -> Record | None:
        """Return a record that it cannot transform; None where it takes everything."""
        return None

    def dropped_record(self) -> Record | None:
        """Return a record that it drops; None where it drops nothing."""
        return None

    # -- records -----------------------------------------------------------------------------------------------------

    def test_records_go_through(self, tmp_path: Path) -> None:
        """The records of the suite go through, or some of them: the others are refused in words."""
        made, told = self._made(tmp_path), []
        for record in self.records():
            found = self._outcome(made, record)
            if not isinstance(found, str):
                return
            told.append(found)
        self.broken(f"it refuses all records of the suite, the first with {told[0]!r}; override records()")

    def test_records_come_out_as_in_the_examples(self, tmp_path: Path) -> None:
        """What comes of the author's examples is what the author says."""
        examples = self.examples()
        if not examples:
            pytest.skip("examples() gives none")
        made = self._made(tmp_path)
        for record, expected in examples:
            found = self._outcome(made, record)
            wanted = [] if expected is None else [expected]
            if isinstance(found, str) or not _alike(found, wanted):
                self.broken(f"of {record.value!r:.200} comes {_shown(found)}; expected {_shown(wanted)}")

    def test_records_one_by_one_are_as_in_a_batch(self, tmp_path: Path) -> None:
        """A batch comes out as its records do one by one: the same ones, dropped and refused ones among them."""
        made, other = self._made(tmp_path), self._made(tmp_path)
        if self.keeps_state or not self.is_repeatable:
            pytest.skip("it does not give the same again")
        taken: list[Record] = []
        single: list[Record] = []
        for record in self.records():
            found = self._outcome(made, record, singly=True)
            if not isinstance(found, str):
                taken.append(record)
                single += found
        together = self._all(other, taken, "a batch of records that go through one by one")
        if not _alike(together, single):
            self.broken(f"a batch comes out otherwise than its records: {_difference(single, together)}")

    def test_records_stay_as_they_were(self, tmp_path: Path) -> None:
        """What it is given it does not change: a step that fails is run again with the same."""
        made = self._made(tmp_path)
        for batch in Batch.group(self.records()):
            before = copy.deepcopy(_columns(batch))
            self._outcome_of_batch(made, batch)
            if not same(_columns(batch), before):
                self.broken("it changes the batch that it is given; copy what is to be changed")
        for record in self.records():
            parts = copy.deepcopy(_parts(record))
            self._outcome(made, record, singly=True)
            if not same(_parts(record), parts):
                self.broken("it changes the record that it is given; copy what is to be changed")

    def test_records_come_out_the_same_twice(self, tmp_path: Path) -> None:
        """Two instances with one config make the same of the same records."""
        if not self.is_repeatable:
            pytest.skip("it does not give the same again")
        first, second = (self._through(self._made(tmp_path)) for _ in range(2))
        if not _alike(first, second):
            self.broken(f"a second instance makes others of the same records: {_difference(first, second)}")

    def test_records_before_do_not_matter(self, tmp_path: Path) -> None:
        """What comes of a batch does not depend on the batches before it, unless the suite says so: after a restart
        others are before it."""
        if self.keeps_state or not self.is_repeatable:
            pytest.skip("it keeps state between batches, or does not give the same again")
        made = self._made(tmp_path)
        first = self._through(made)
        second = self._through(made)
        if not _alike(first, second):
            self.broken(
                f"the same records come out otherwise behind others: {_difference(first, second)}; if that is its "
                "purpose, say keeps_state = True"
            )

    def test_records_keep_their_order(self, tmp_path: Path) -> None:
        """Within a batch those of one topic come out in the order in which they went in."""
        numbers: dict[str, list[int]] = {}
        for record in self._through(self._made(tmp_path)):
            if record.source_offset is not None and "n" in record.source_offset:
                numbers.setdefault(record.topic, []).append(record.source_offset["n"])
        for topic, found in numbers.items():
            if found != sorted(found):
                self.broken(f"records of {topic} come out in another order than they went in: {found}")

    def test_records_may_be_split_anywhere(self, tmp_path: Path) -> None:
        """Records in batches of two come out as in one batch."""
        if self.keeps_state or not self.is_repeatable:
            pytest.skip("it keeps state between batches, or does not give the same again")
        whole = self._through(self._made(tmp_path))
        made, found = self._made(tmp_path), []
        taken = self._taken(tmp_path)
        for at in range(0, len(taken), 2):
            found += self._all(made, taken[at : at + 2], "two records")
        if not _alike(found, whole):
            self.broken(f"records in batches of two come out otherwise than in one: {_difference(whole, found)}")

    def test_records_without_values_and_keys_are_taken_or_refused(self, tmp_path: Path) -> None:
        """A tombstone, or a record without a key, goes through, is dropped, or is refused in words."""
        made = self._made(tmp_path)
        model = self.records()[0]
        for what, changes in (
            ("a tombstone", {"value": None, "value_schema": None}),
            ("a record without a key", {"key": None, "key_schema": None}),
            ("a record without key and value", {"key": None, "value": None, "key_schema": None, "value_schema": None}),
            ("a record without headers and time", {"headers": None, "timestamp": None}),
        ):
            for singly in (True, False):
                self._outcome(made, model.replace(**changes), singly=singly, what=what)

    def test_records_that_are_tombstones_stay_so(self, tmp_path: Path) -> None:
        """A tombstone comes out as one, or is refused: with a value it is no deletion any more, and without it what had
        its key stays for good."""
        if not self.keeps_tombstones:
            pytest.skip("the suite says that it does something else with tombstones")
        made = self._made(tmp_path)
        for record in self.records():
            found = self._outcome(made, record.replace(value=None, value_schema=None), what="a tombstone")
            if isinstance(found, str):
                continue
            if not found:
                self.broken("it drops a tombstone; if that is its purpose, say keeps_tombstones = False")
            if all(changed.value is not None for changed in found):
                self.broken(
                    f"of a tombstone comes {_shown(found)}; return it as it is, or, if that is its purpose, say "
                    "keeps_tombstones = False"
                )

    def test_records_of_any_kind_are_taken_or_refused(self, tmp_path: Path) -> None:
        """Whatever a key or value is, it goes through, is dropped, or is refused with a DataError: any other exception
        is taken for a broken plugin."""
        made, values = self._made(tmp_path), Values(14)
        drawn: list[tuple[Any, Schema | None]] = [(value, None) for value in (*PLAIN, *ODD)]
        for _ in range(60):
            made_up = values.schema()
            drawn.append((values.value(made_up), made_up))
        for value, schema in drawn:
            parts: list[dict[str, Any]] = [{part: value, f"{part}_schema": schema} for part in ("value", "key")]
            for changes in parts:
                record = Record(_TOPIC, "value", timestamp=0, partition=0, offset=0).replace(**changes)
                for singly in (True, False):
                    self._outcome(made, record, singly=singly, what=f"a record with {changes!r:.200}")

    def test_records_fit_their_schemas(self, tmp_path: Path) -> None:
        """What comes out is what its schema says."""
        for record in self._through(self._made(tmp_path)):
            self._fits(record, " that comes out")

    def test_records_keep_their_coordinates(self, tmp_path: Path) -> None:
        """Where a record comes from, and where that goes on, is kept: offsets are committed by it."""
        made = self._made(tmp_path)
        for record in self.records():
            found = self._outcome(made, record)
            for changed in [] if isinstance(found, str) else found:
                for part in _COORDINATES:
                    before, after = getattr(record, part), getattr(changed, part)
                    if before != after:
                        self.broken(f"it changes {part} from {before!r} to {after!r}; use record.replace")

    def test_records_keep_what_is_not_to_be_changed(self, tmp_path: Path) -> None:
        """Parts that it does not say it changes come out as they were."""
        made, kept = self._made(tmp_path), [part for part in _PARTS if part not in self.changes]
        for record in self.records():
            found = self._outcome(made, record)
            for changed in [] if isinstance(found, str) else found:
                for part in kept:
                    before, after = getattr(record, part), getattr(changed, part)
                    if not same(before, after):
                        self.broken(
                            f"it changes {part} from {before!r:.100} to {after!r:.100}; if that is its purpose, name "
                            "it in the suite's changes"
                        )

    def test_records_go_to_topics_that_can_be(self, tmp_path: Path) -> None:
        """Topics have names that Kafka takes."""
        for topic in {record.topic for record in self._through(self._made(tmp_path))}:
            why = why_no_topic(topic)
            if why:
                self.broken(f"it sends to {topic!r}, which no topic can be called: {why}")

    def test_records_can_cross_to_another_process(self, tmp_path: Path) -> None:
        """What comes out can be pickled, and is the same behind it: a plugin may run in a process of its own."""
        for record in self._through(self._made(tmp_path)):
            try:
                there = pickle.loads(pickle.dumps(record))  # noqa: S301 - what was pickled one line above
            except Exception as error:
                self.broken(f"a record that comes out cannot be pickled: {error}; give plain values")
            if not _alike([there], [record]):
                self.broken(f"a record is another one behind a pickle: {_difference([record], [there])}")

    # -- batches -----------------------------------------------------------------------------------------------------

    def test_batches_may_be_empty(self, tmp_path: Path) -> None:
        """An empty batch comes out as nothing."""
        try:
            found = self._applied_batch(self._made(tmp_path), Batch(_TOPIC, []))
        except Exception as error:
            self.broken(f"an empty batch raises {type(error).__name__}: {error}")
        if found:
            self.broken(f"of an empty batch come {len(found)} records")

    def test_batches_lose_what_is_dropped_alone(self, tmp_path: Path) -> None:
        """A record that is dropped leaves those beside it as they are, each with its own key, time and offset."""
        dropped = self.dropped_record()
        if dropped is None:
            pytest.skip("dropped_record() gives none")
        others = [record for record in self._taken(tmp_path) if not self._is_dropped(tmp_path, record)]
        if not others:
            pytest.skip("it drops all records of the suite")
        alone = self._all(self._made(tmp_path), others, "records")
        mixed = [others[0], dropped, *others[1:], dropped]
        found = self._all(self._made(tmp_path), mixed, "records with a dropped one among them")
        if not _alike(found, alone):
            self.broken(f"with a record to be dropped among them others come out: {_difference(alone, found)}")

    def test_batches_with_a_bad_record_say_which(self, tmp_path: Path) -> None:
        """A batch with a bad record raises a DataError that, where it names records, names that one."""
        bad = self.bad_record()
        if bad is None:
            pytest.skip("bad_record() gives none")
        good = self._taken(tmp_path)[0]
        bad = bad.replace(**{part: getattr(good, part) for part in ("topic", "partition", *_COORDINATES)})
        made = self._made(tmp_path)
        if not isinstance(self._outcome(made, bad), str):
            self.broken("a record that the suite says is bad goes through")
        fitting = [good] if len(Batch.group([good, bad])) == 1 else []
        batch = Batch.group([*fitting, bad, *fitting])[0]
        try:
            made.apply_batch(batch)
        except DataError as error:
            named = [one.index for one in failed_of(made, "apply_batch", error, len(batch))]
            if named and named != [len(fitting)]:
                self.broken(f"the DataError names the records {named} as bad; it is the one at {len(fitting)}")
            if len(error.message.strip()) < 5:
                self.broken("the DataError does not say what is wrong with the record")
        except Exception as error:
            self.broken(f"a batch with a bad record raises {type(error).__name__}: {error}; expected a DataError")
        else:
            self.broken("a batch with a bad record goes through, and the record alone does not")

    # -- threads, and workers ----------------------------------------------------------------------------------------

    def test_threads_do_not_meet(self, tmp_path: Path) -> None:
        """Two instances on two threads at once make what one makes alone: nothing is kept in the class or module."""
        if not self.is_repeatable or self.keeps_state:
            pytest.skip("it does not give the same again")
        alone = self._through(self._made(tmp_path))
        taken = self._taken(tmp_path)
        for out in self._on_two_threads(
            tmp_path, lambda made, is_second: self._applied(made, taken[::-1] if is_second else taken)
        ):
            if not _alike(out, alone):
                self.broken(f"beside another instance others come out: {_difference(alone, out)}")

    def test_worker_runs_it_behind_a_source(self, tmp_path: Path) -> None:
        """A worker runs it for a source, and the topics have what it makes of the records."""
        taken = [record.replace(partition=None, offset=None) for record in self._taken(tmp_path)]
        made = self._made(tmp_path)
        counts = Counter(record.topic for record in self._all(made, taken, "records of a source"))
        source = given_source(taken)
        config = {"connector.class": source.plugin_name(), **self._chain(tmp_path), **json_with_schemas()}
        with Worker(plugins=[source, self.transform]) as worker, self._working("its topics in a worker"):
            worker.run("certified", config)
            worker.until_running("certified")
            for topic, count in counts.items():
                found = len(worker.wait_for(topic, count))
                if found != count:
                    self.broken(f"{topic} has {found} records in a worker; expected {count}")

    def test_worker_runs_it_in_front_of_a_sink(self, tmp_path: Path) -> None:
        """A worker runs it for a sink, which is given what it makes of what another one is given without it."""
        if not self.is_repeatable or self.keeps_state:
            pytest.skip("it does not give the same again")
        records = [record.replace(partition=None, offset=None) for record in self._taken(tmp_path)]
        without: list[Record] = []
        within: list[Record] = []
        source, plain, kept = given_source(records), keeping_sink(without, "Plain"), keeping_sink(within, "Kept")
        topics = {"topics": ",".join(dict.fromkeys(record.topic for record in records)), **json_with_schemas()}
        tolerant = {"errors.tolerance": "all"}
        with Worker(plugins=[source, plain, kept, self.transform]) as worker, self._working("a sink in a worker"):
            worker.run("given", {"connector.class": source.plugin_name(), **json_with_schemas()})
            worker.run("plain", {"connector.class": plain.plugin_name(), **topics})
            names = ["given", "plain"]
            until(worker, names, lambda: len(without) >= len(records), "a sink without it has the records")
            made = self._made(tmp_path)
            outcomes = [self._outcome(made, record, what="a record of a topic") for record in without]
            expected = [record for found in outcomes if not isinstance(found, str) for record in found]
            worker.run("kept", {"connector.class": kept.plugin_name(), **topics, **tolerant, **self._chain(tmp_path)})
            worker.until_running("kept")
            until(worker, ["kept"], lambda: len(within) >= len(expected), "a sink behind it has what comes out")
        if not _alike(within, expected):
            self.broken(f"a sink in a worker is given others: {_difference(expected, within)}")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _unconfigured(self) -> Any:
        made = super()._unconfigured()
        made.alias = "certified"
        return made

    def _own(self) -> Sequence[Any]:
        return self.records()

    def _tried(self, made: Any, value: Any) -> Any:
        return self._outcome(made, value if isinstance(value, Record) else Record(_TOPIC, value))

    def _used(self, folder: Path) -> None:
        made = self._made(folder)
        self._applied(made, self._taken(folder))
        made.close()

    def _chain(self, folder: Path) -> dict[str, str]:
        keys = {f"transforms.certified.{name}": value for name, value in self.make_config(folder).items()}
        return {"transforms": "certified", "transforms.certified.type": self.transform.plugin_name(), **keys}

    def _applied_batch(self, made: Transform, batch: Batch) -> list[Record]:
        out = batches_of(made, "apply_batch", made.apply_batch(batch), given=batch)
        return [record for changed in out for record in changed.records()]

    def _applied(self, made: Transform, records: Sequence[Record]) -> list[Record]:
        return [record for batch in Batch.group(records) for record in self._applied_batch(made, batch)]

    def _all(self, made: Transform, records: Sequence[Record], what: str) -> list[Record]:
        """Return what comes of records that all go through."""
        try:
            return self._applied(made, records)
        except Exception as error:
            self.broken(f"{what} are refused: {type(error).__name__}: {error}")

    def _taken(self, folder: Path) -> list[Record]:
        """Return the suite's records that it does not refuse."""
        made = self._made(folder)
        taken = [record for record in self.records() if not isinstance(self._outcome(made, record), str)]
        made.close()
        if not taken:
            pytest.skip("it refuses all records of the suite")
        return taken

    def _through(self, made: Transform) -> list[Record]:
        """Return what comes of the suite's records, in batches; without those that it refuses."""
        found: list[Record] = []
        for batch in Batch.group(self.records()):
            out = self._outcome_of_batch(made, batch)
            if not isinstance(out, str):
                found += out
                continue
            for record in batch.records():
                alone = self._outcome(made, record)
                found += [] if isinstance(alone, str) else alone
        return found

    def _is_dropped(self, folder: Path, record: Record) -> bool:
        return self._outcome(self._made(folder), record) == []

    def _outcome_of_batch(self, made: Transform, batch: Batch) -> list[Record] | str:
        try:
            return self._applied_batch(made, batch)
        except DataError as error:
            return error.message
        except Exception as error:
            self.broken(f"a batch of the suite's records raises {type(error).__name__}: {error}; expected a DataError")

    def _outcome(
        self, made: Transform, record: Record, *, singly: bool = False, what: str = "a record of the suite"
    ) -> list[Record] | str:
        """Return what comes of one record, or why it is refused; anything but a DataError fails the check."""
        try:
            if not singly:
                return self._applied(made, [record])
            found = made.apply(record)
            return [] if found is None else [found]
        except DataError as error:
            return error.message
        except Exception as error:
            self.broken(
                f"{what} raises {type(error).__name__}: {error}; raise a DataError that says what is wrong with it"
            )


def _parts(record: Record) -> list[Any]:
    return [getattr(record, part) for part in (*_PARTS, *_COORDINATES)]


def _columns(batch: Batch) -> list[Any]:
    return [
        batch.topic, batch.values, batch.keys, batch.partition, batch.timestamps, batch.headers, batch.key_schema,
        batch.value_schema, batch.source_partition, batch.source_offset, batch.source_offsets,
    ]  # fmt: skip


def _alike(left: Sequence[Record], right: Sequence[Record]) -> bool:
    return len(left) == len(right) and all(same(_parts(a), _parts(b)) for a, b in zip(left, right, strict=True))


def _difference(expected: Sequence[Record], found: Sequence[Record]) -> str:
    for number, (wanted, given) in enumerate(zip(expected, found, strict=False)):
        for part in (*_PARTS, *_COORDINATES):
            if not same(getattr(wanted, part), getattr(given, part)):
                before, after = getattr(wanted, part), getattr(given, part)
                return f"the {part} of record {number + 1} is {after!r:.200}; expected {before!r:.200}"
    return difference([None] * len(expected), [None] * len(found))


def _shown(found: Sequence[Record] | str) -> str:
    if isinstance(found, str):
        return f"a DataError, {found!r}"
    return "nothing" if not found else ", ".join(f"{record.value!r:.200}" for record in found)
