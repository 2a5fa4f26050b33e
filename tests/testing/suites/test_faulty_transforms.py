"""Each check of a transform's certificate finds the plugin that is wrong in its way."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from connect.api import STRING, Batch, Config, DataError, FailedRecord, Headers, Record, Secret, Transform, config_key
from connect.testing.suites import TransformSuite
from connect.testing.suites.base import Suite
from tests.testing.suites.faulty import caught, checks_of, named, suite_of, without_a_fault

END = threading.Event()


class RightConfig(Config):
    """Nothing."""

    token: Secret = config_key("Of a service.", default=Secret(""))


class Right(Transform[RightConfig]):
    """Marks values."""

    def apply(self, record: Record) -> Record | None:
        if not isinstance(record.value, dict) or record.value_schema is not None:
            return record
        return record.replace(value=record.value | {"mark": "!"})


class HoldsOn(Right):
    held = 0

    def configure(self, config: Config) -> None:
        super().configure(config)
        type(self).held += 1
        if self.held > 5:
            raise DataError("no connection is free")


class ClosesOnce(Right):
    def configure(self, config: Config) -> None:
        super().configure(config)
        self.open = ["file"]

    def close(self) -> None:
        self.open.pop()


class ClosesConfigured(Right):
    def close(self) -> None:
        self.config.token.get_secret_value()


class LeavesThread(Right):
    def configure(self, config: Config) -> None:
        super().configure(config)
        threading.Thread(target=END.wait, args=(20,), daemon=True, name="left").start()


class LogsSecret(Right):
    def configure(self, config: Config) -> None:
        super().configure(config)
        logging.getLogger("own").info("the token is %s", self.config.token.get_secret_value())


class RefusesAll(Right):
    def apply(self, record: Record) -> Record | None:
        raise DataError("not this one")


class BatchesOtherwise(Right):
    def apply_batch(self, batch: Batch) -> Batch:
        return batch.replace(values=["other"] * len(batch), value_schema=None)


class ChangesInput(Right):
    def apply(self, record: Record) -> Record | None:
        if isinstance(record.value, dict):
            record.value["mark"] = "!"
        return record


class ChangesHeaders(Right):
    def apply(self, record: Record) -> Record | None:
        return record if record.headers is None else record.replace(headers=record.headers.add("seen", True))


class ChangesNested(Right):
    def apply(self, record: Record) -> Record | None:
        if isinstance(record.value, dict) and isinstance(record.value.get("in"), dict):
            record.value["in"].pop("x", None)
        return record


class FillsTombstones(Right):
    def apply(self, record: Record) -> Record | None:
        return record.replace(value={"mark": "!", **(record.value or {})}, value_schema=None)


class DropsTombstones(Right):
    def apply(self, record: Record) -> Record | None:
        return record if record.value is not None else None


class MarksSecret(Right):
    def apply(self, record: Record) -> Record | None:
        if not isinstance(record.value, dict) or "name" not in record.value:
            return record
        return record.replace(value={"by": self.config.token.get_secret_value()}, value_schema=None)


class HasOneTurn(Right):
    """Whoever is first goes on alone."""

    turn = threading.Lock()

    def configure(self, config: Config) -> None:
        super().configure(config)
        self.has_it = False

    def apply(self, record: Record) -> Record | None:
        if threading.current_thread() is not threading.main_thread() and not self.has_it:
            self.has_it = self.turn.acquire(timeout=20)
        return super().apply(record)


class NeedsHeader(Right):
    def apply(self, record: Record) -> Record | None:
        if record.headers is not None and record.headers.last("bad") is not None:
            raise DataError("the header is bad")
        return record


class MadeUp(Right):
    def configure(self, config: Config) -> None:
        super().configure(config)
        self.id = str(uuid.uuid4())

    def apply(self, record: Record) -> Record | None:
        return record.replace(value=self.id, value_schema=None)


class Counts(Right):
    count = 0

    def apply(self, record: Record) -> Record | None:
        self.count += 1
        return record.replace(value=self.count, value_schema=None)


class Reverses(Right):
    def apply_batch(self, batch: Batch) -> list[Batch]:
        return Batch.group(list(batch.records())[::-1])


class SaysHowMany(Right):
    def apply_batch(self, batch: Batch) -> Batch:
        return batch.replace(values=[len(batch)] * len(batch), value_schema=None)


class NeedsValue(Right):
    def apply(self, record: Record) -> Record | None:
        len(record.value)
        return record


class NeedsDict(Right):
    def apply(self, record: Record) -> Record | None:
        return record if record.value is None else record.replace(value=dict(record.value.items()))


class ForgetsSchema(Right):
    def apply(self, record: Record) -> Record | None:
        return record.replace(value=5, value_schema=STRING)


class ForgetsOffsets(Right):
    def apply(self, record: Record) -> Record | None:
        return Record(
            record.topic, record.value, key=record.key, headers=record.headers, value_schema=record.value_schema
        )


class DropsHeaders(Right):
    def apply(self, record: Record) -> Record | None:
        return record.replace(headers=None)


class OddTopic(Right):
    def apply(self, record: Record) -> Record | None:
        return record.replace(topic=f"{record.topic} of today")


class NotPlain(Right):
    def apply(self, record: Record) -> Record | None:
        return record.replace(value={"as": lambda: 1}, value_schema=None)


class LooksAtFirst(Right):
    def apply_batch(self, batch: Batch) -> Batch:
        return batch if batch.values[0] else batch.replace()


class DropsValuesAlone(Right):
    def apply(self, record: Record) -> Record | None:
        return None if record.value == "drop" else record

    def apply_batch(self, batch: Batch) -> Batch:
        kept = [value for value in batch.values if value != "drop"]
        return batch[: len(kept)].replace(values=kept)


class NamesAnother(Right):
    def apply_batch(self, batch: Batch) -> Batch:
        if "bad" in batch.values:
            raise DataError("a value is bad", failed=[FailedRecord(0, "it is bad")])
        return batch

    def apply(self, record: Record) -> Record | None:
        if record.value == "bad":
            raise DataError("the value is bad")
        return record


class SharesBuffer(Right):
    buffer: list[Any] = []  # noqa: RUF012 - that is the fault

    def apply_batch(self, batch: Batch) -> Batch:
        self.buffer.clear()
        for value in batch.values:
            self.buffer.append(value)
            time.sleep(0.0002)
        return batch.replace(values=(list(self.buffer) + [None] * len(batch))[: len(batch)])

    def apply(self, record: Record) -> Record | None:
        return record


class OfOneThread(Right):
    def apply(self, record: Record) -> Record | None:
        if threading.current_thread() is not threading.main_thread():
            return record.replace(value="what another thread makes", value_schema=None)
        return record


class NeedsPartition(Right):
    def apply(self, record: Record) -> Record | None:
        if record.partition is None:
            raise DataError("no partition")
        return record


def alike(*values: Any) -> list[Record]:
    return [
        Record("topic", value, key=str(n), source_partition={"p": 1}, source_offset={"n": n}, partition=0)
        for n, value in enumerate(values)
    ]


FAULTS: dict[str, type] = {
    "life_begins_again_and_again": suite_of(TransformSuite, transform=HoldsOn),
    "life_closes_twice": suite_of(TransformSuite, transform=ClosesOnce),
    "life_closes_when_it_was_not_configured": suite_of(TransformSuite, transform=ClosesConfigured),
    "life_leaves_no_thread_and_no_file": suite_of(TransformSuite, transform=LeavesThread),
    "life_hides_secrets": suite_of(TransformSuite, transform=LogsSecret),
    "records_go_through": suite_of(TransformSuite, transform=RefusesAll),
    "records_come_out_as_in_the_examples": suite_of(
        TransformSuite, transform=Right, examples=lambda _: [(Record("t", {}), Record("t", {"mark": "?"}))]
    ),
    "records_one_by_one_are_as_in_a_batch": suite_of(TransformSuite, transform=BatchesOtherwise),
    "records_stay_as_they_were": suite_of(TransformSuite, transform=ChangesInput),
    "records_come_out_the_same_twice": suite_of(TransformSuite, transform=MadeUp),
    "records_before_do_not_matter": suite_of(TransformSuite, transform=Counts),
    "records_keep_their_order": suite_of(TransformSuite, transform=Reverses),
    "records_may_be_split_anywhere": suite_of(TransformSuite, transform=SaysHowMany),
    "records_without_values_and_keys_are_taken_or_refused": suite_of(TransformSuite, transform=NeedsValue),
    "records_that_are_tombstones_stay_so": suite_of(TransformSuite, transform=FillsTombstones),
    "records_of_any_kind_are_taken_or_refused": suite_of(TransformSuite, transform=NeedsDict),
    "records_fit_their_schemas": suite_of(TransformSuite, transform=ForgetsSchema),
    "records_keep_their_coordinates": suite_of(TransformSuite, transform=ForgetsOffsets),
    "records_keep_what_is_not_to_be_changed": suite_of(TransformSuite, transform=DropsHeaders),
    "records_go_to_topics_that_can_be": suite_of(TransformSuite, transform=OddTopic),
    "records_can_cross_to_another_process": suite_of(TransformSuite, transform=NotPlain),
    "batches_may_be_empty": suite_of(TransformSuite, transform=LooksAtFirst),
    "batches_lose_what_is_dropped_alone": suite_of(
        TransformSuite,
        transform=DropsValuesAlone,
        records=lambda _: alike("a", "b", "c"),
        dropped_record=lambda _: alike("drop")[0],
    ),
    "batches_with_a_bad_record_say_which": suite_of(
        TransformSuite,
        transform=NamesAnother,
        records=lambda _: alike("a", "b"),
        bad_record=lambda _: alike("bad")[0],
    ),
    "threads_do_not_meet": suite_of(TransformSuite, transform=SharesBuffer),
    "worker_runs_it_behind_a_source": suite_of(TransformSuite, transform=NeedsPartition),
    "worker_runs_it_in_front_of_a_sink": suite_of(TransformSuite, transform=OfOneThread),
}
#: Further faults that a check has to find.
MORE: list[tuple[str, type]] = [
    ("life_hides_secrets", suite_of(TransformSuite, transform=MarksSecret)),
    ("records_stay_as_they_were", suite_of(TransformSuite, transform=ChangesHeaders)),
    ("records_stay_as_they_were", suite_of(TransformSuite, transform=ChangesNested)),
    ("records_that_are_tombstones_stay_so", suite_of(TransformSuite, transform=DropsTombstones)),
    ("threads_do_not_meet", suite_of(TransformSuite, transform=HasOneTurn, deadline_s=0.05)),
]
ELSEWHERE = dict.fromkeys(checks_of(Suite), "of all plugins: test_faulty_sources.py")


@pytest.mark.parametrize("check", FAULTS)
def test_a_faulty_transform_is_caught(check: str, tmp_path: Path) -> None:
    assert caught(FAULTS[check], check, tmp_path)


@pytest.mark.parametrize(("check", "suite"), MORE, ids=[named(suite) for _, suite in MORE])
def test_a_transform_that_is_faulty_in_another_way_is_caught(check: str, suite: type, tmp_path: Path) -> None:
    assert caught(suite, check, tmp_path)


def test_a_bad_record_may_be_so_by_its_headers(tmp_path: Path) -> None:
    suite = suite_of(
        TransformSuite,
        transform=NeedsHeader,
        records=lambda _: alike("a", "b"),
        bad_record=lambda _: alike("a")[0].replace(headers=Headers().add("bad", True)),
    )
    with pytest.raises(AssertionError, match="passes"):
        caught(suite, "batches_with_a_bad_record_say_which", tmp_path)


def test_every_check_has_its_faulty_transform() -> None:
    assert without_a_fault(TransformSuite, FAULTS, ELSEWHERE) == set()


@pytest.mark.parametrize("check", sorted(checks_of(TransformSuite) - {"records_come_out_as_in_the_examples"}))
def test_the_right_one_is_not(check: str, tmp_path: Path) -> None:
    """So what fails above fails for its fault alone."""
    with pytest.raises(AssertionError, match=r"passes|skipped"):
        caught(suite_of(TransformSuite, transform=Right), check, tmp_path)
