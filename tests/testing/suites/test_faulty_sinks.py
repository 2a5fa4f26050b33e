"""Each check of a sink's certificate finds the plugin that is wrong in its way."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connect.api import (
    Batch,
    Config,
    ConfigError,
    DataError,
    ExactlyOnceSupport,
    FailedRecord,
    Record,
    RetriableError,
    Secret,
    SinkConnector,
    SinkTask,
    config_key,
)
from connect.testing.suites import SinkSuite
from connect.testing.suites.base import Suite
from tests.testing.suites.faulty import caught, checks_of, named, suite_of, without_a_fault

END = threading.Event()
At = tuple[str, int]


class RightConfig(Config):
    """Nothing."""

    out: str = config_key("The file.", default="")
    token: Secret = config_key("Of a service.", default=Secret(""))


class RightTask(SinkTask[RightConfig]):
    """Appends a line of JSON for each record. It has no lock on the file, and buffers nothing."""

    def put(self, records: list[Record]) -> None:
        self.append(self.lines(records))

    def lines(self, records: Sequence[Record]) -> list[str]:
        failed, found = [], []
        for number, record in enumerate(records):
            try:
                found.append(json.dumps(record.value, allow_nan=False))
                if not isinstance(record.value, str | int | dict | None):
                    raise TypeError("neither text, number nor object")
            except (TypeError, ValueError, RecursionError) as error:
                failed.append(FailedRecord(number, f"the value is {error}"))
        if failed:
            raise DataError("a value is no JSON", failed=failed)
        return found

    def append(self, lines: Sequence[str]) -> None:
        try:
            with open(self.config.out, "a") as file:  # noqa: PTH123
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise RetriableError(f"{self.config.out} is away: {error}") from error


class RightSink(SinkConnector[RightConfig]):
    """Appends lines of JSON to a file."""

    task_class = RightTask


class RightSuite(SinkSuite):
    connector = RightSink
    kills = 2
    deadline_s = 2.0

    def make_config(self, folder: Path) -> dict[str, str]:
        return {"out": str(folder / "out.txt")}

    def read(self, folder: Path) -> list[Any]:
        out = folder / "out.txt"
        return [json.loads(line) for line in out.read_text().split("\n")[:-1]] if out.exists() else []

    def bad_record(self) -> Record | None:
        return Record(self.topic, [object()], key="bad")

    @contextmanager
    def target_down(self, folder: Path) -> Iterator[None]:
        out, away = folder / "out.txt", folder / "away.txt"
        if out.exists():
            out.rename(away)
        out.mkdir()
        yield
        out.rmdir()
        if away.exists():
            away.rename(out)

    @contextmanager
    def target_slow(self, folder: Path) -> Iterator[None]:
        Slow.now_s = 0.3
        yield
        Slow.now_s = 0.0


class Slow:
    """How slow the targets of this process are."""

    now_s = 0.0


def wrong(task: type[SinkTask], **more: Any) -> type[SinkConnector]:
    """A connector that is right but for its task, or for what `more` says."""
    attributes: dict[str, Any] = {"__module__": __name__, "__doc__": "Wrong.", "task_class": task, **more}
    return type(task.__name__.replace("Task", "Sink"), (RightSink,), attributes)


class RefusesTask(RightTask):
    def put(self, records: list[Record]) -> None:
        raise DataError("not these")


class NeedsPutTask(RightTask):
    def put(self, records: list[Record]) -> None:
        self.file = "open"
        super().put(records)

    def stop(self) -> None:
        self.file.upper()


class StopsOnceTask(RightTask):
    def start(self) -> None:
        self.open = ["file"]

    def stop(self) -> None:
        if hasattr(self, "open"):
            self.open.pop()


class NeedsStartTask(RightTask):
    def start(self) -> None:
        self.open = "file"

    def stop(self) -> None:
        self.open.upper()


class NeedsTargetTask(RightTask):
    def start(self) -> None:
        open(self.config.out, "a").close()  # noqa: PTH123


class ForgetsPulseTask(NeedsTargetTask):
    """Ends what it began where it has come to the end of its start."""

    def start(self) -> None:
        self.end = threading.Event()
        self.pulse = threading.Thread(target=self.end.wait, args=(20,), daemon=True, name="pulse")
        self.pulse.start()
        try:
            super().start()
        except OSError as error:
            raise RetriableError("the file is away") from error
        self.is_open = True

    def stop(self) -> None:
        if hasattr(self, "is_open"):
            self.end.set()
            self.pulse.join()


class PromisesNothingTask(RightTask):
    def flush(self) -> Mapping[At, int]:
        return {}


class WaitsForMoreTask(RightTask):
    """Takes its buffer for the target."""

    def start(self) -> None:
        self.kept: list[str] = []

    def append(self, lines: Sequence[str]) -> None:
        self.kept += lines
        if len(self.kept) >= 100:
            self.stop()

    def stop(self) -> None:
        kept, self.kept = getattr(self, "kept", []), []
        super().append(kept)


class KeepsOffsetsTask(RightTask):
    """Has in a file beside its own where it goes on."""

    @property
    def at(self) -> Path:
        return Path(self.config.out + ".at")

    def resume_offsets(self, partitions: Sequence[At]) -> Mapping[At, int]:
        return {partition: int(self.at.read_text()) for partition in partitions} if self.at.exists() else {}

    def put(self, records: list[Record]) -> None:
        super().put(records)
        self.at.write_text(str((records[-1].offset or 0) + 1))


class SkipsBadTask(RightTask):
    """Writes what it can of a put, and tells the log of the rest."""

    def lines(self, records: Sequence[Record]) -> list[str]:
        found = []
        for record in records:
            try:
                found += super().lines([record])
            except DataError as error:
                self.context.log.warning("a record is left out: %s", error)
        return found


class ChangesNestedTask(RightTask):
    def put(self, records: list[Record]) -> None:
        super().put(records)
        for record in records:
            if isinstance(record.value, dict):
                record.value.pop("a", None)


class ChangesHeadersTask(RightTask):
    def put(self, records: list[Record]) -> None:
        super().put(records)
        for record in records:
            if record.headers is not None:
                record.headers.add("seen", True)


class Disk:
    """How many more lines the disk of this process takes; None: all."""

    left: int | None = None


class HalfPutTask(RightTask):
    """Leaves in the file what came before the disk was full."""

    def append(self, lines: Sequence[str]) -> None:
        for line in lines:
            if Disk.left == 0:
                raise RetriableError("the disk is full")
            Disk.left = None if Disk.left is None else Disk.left - 1
            super().append([line])


class LosesRestTask(HalfPutTask):
    """Takes a full disk for the end of what was to be written."""

    def append(self, lines: Sequence[str]) -> None:
        try:
            super().append(lines)
        except RetriableError as error:
            if Disk.left is None:
                raise
            self.context.log.warning("%s", error)


class OnDisk(RightSuite):
    """A suite whose target can be full."""

    @contextmanager
    def target_breaks(self, folder: Path, records: int) -> Iterator[None]:
        Disk.left = records
        yield
        Disk.left = None


class HalfLinesTask(RightTask):
    """Writes lines piece by piece, and ends a piece where it is cancelled."""

    async def put_batch(self, batch: Batch) -> None:
        for line in self.lines(list(batch.records())):
            half = len(line) // 2
            self.append([line[:half]])
            await asyncio.sleep(0)
            self.take_back()
            self.append([line])

    def take_back(self) -> None:
        out = Path(self.config.out)
        out.write_text("".join(f"{line}\n" for line in out.read_text().splitlines()[:-1]))


class WaitsOnTask(RightTask):
    def put(self, records: list[Record]) -> None:
        time.sleep(3.0)


class LeavesFileTask(RightTask):
    def start(self) -> None:
        KEPT.append(open(self.config.out, "a"))  # noqa: PTH123, SIM115


KEPT: list[Any] = []


class LeavesTaskTask(RightTask):
    async def start(self) -> None:
        self.pulse = asyncio.ensure_future(asyncio.sleep(20))


class HoldsOnTask(RightTask):
    held = 0

    def start(self) -> None:
        type(self).held += 1
        if self.held > 3:
            raise ConfigError("no connection is free")


class SharesPathTask(RightTask):
    path = ""

    def start(self) -> None:
        type(self).path = self.config.out

    def append(self, lines: Sequence[str]) -> None:
        with open(self.path, "a") as file:  # noqa: PTH123
            file.write("".join(f"{line}\n" for line in lines))


class LogsSecretTask(RightTask):
    def start(self) -> None:
        logging.getLogger("own").info("the token is %s", self.config.token.get_secret_value())


class OpensOnceTask(RightTask):
    def open(self, partitions: Sequence[At]) -> None:
        if hasattr(self, "mine"):
            raise ConfigError("it is open already")
        self.mine = list(partitions)


class NeedsPartitionTask(RightTask):
    def flush(self) -> None:
        assert self.context.assignment


class BeginsAnewTask(RightTask):
    def open(self, partitions: Sequence[At]) -> None:
        Path(self.config.out).write_text("")


class ReversesTask(RightTask):
    def put(self, records: list[Record]) -> None:
        lines = Path(self.config.out).read_text() if Path(self.config.out).exists() else ""
        Path(self.config.out).write_text("".join(f"{line}\n" for line in self.lines(records)) + lines)


class PromisesMoreTask(RightTask):
    def flush(self) -> Any:
        return {("topic", 0): 1000}


class WritesAtStopTask(RightTask):
    def start(self) -> None:
        self.kept: list[str] = []

    def append(self, lines: Sequence[str]) -> None:
        self.kept += lines

    def stop(self) -> None:
        super().append(self.kept)
        self.kept = []


class NeedsPutForFlushTask(RightTask):
    count: int | None = None

    def put(self, records: list[Record]) -> None:
        super().put(records)
        self.count = (self.count or 0) + len(records)

    def flush(self) -> Any:
        done, self.count = self.count, None
        assert done is not None
        return None


class SkipsFirstTask(RightTask):
    """Believes that what comes first behind a start was there."""

    def start(self) -> None:
        self.seen = not Path(self.config.out).exists()

    def put(self, records: list[Record]) -> None:
        super().put(records if self.seen else records[1:])
        self.seen = True


class RemembersTask(RightTask):
    """Writes at a flush, and remembers at a put what it was given: none of it is taken again."""

    def start(self) -> None:
        self.kept: list[str] = []

    @property
    def at(self) -> Path:
        return Path(self.config.out + ".at")

    def put(self, records: list[Record]) -> None:
        seen = int(self.at.read_text()) if self.at.exists() else 0
        self.kept += self.lines([record for record in records if (record.offset or 0) >= seen])
        self.at.write_text(str((records[-1].offset or 0) + 1))

    def flush(self) -> None:
        kept, self.kept = self.kept, []
        self.append(kept)


class ResumesBehindTask(RemembersTask):
    def resume_offsets(self, partitions: Sequence[At]) -> Mapping[At, int]:
        return {partition: int(self.at.read_text()) for partition in partitions} if self.at.exists() else {}


class LosesOneTask(RightTask):
    def put(self, records: list[Record]) -> None:
        super().put(records[:-1])


class LosesOfBatchTask(RightTask):
    def put(self, records: list[Record]) -> None:
        super().put(records if len(records) == 1 else records[1:])


class FormsDifferTask(RightTask):
    def put_batch(self, batch: Batch) -> None:
        self.put(list(batch.records()))

    def put(self, records: list[Record]) -> None:
        super().put([record for record in records if record.offset != 3])


class BatchFormsDifferTask(FormsDifferTask):
    def put_batch(self, batch: Batch) -> None:
        self.append(self.lines(list(batch.records())))


class ChangesInputTask(RightTask):
    def put_batch(self, batch: Batch) -> None:
        super().put_batch(batch)
        batch.values.clear()


class NeedsValueTask(RightTask):
    def put(self, records: list[Record]) -> None:
        for record in records:
            len(record.value)
        super().put(records)


class NeedsKeyTask(RightTask):
    def put(self, records: list[Record]) -> None:
        for record in records:
            record.key.upper()
        super().put(records)


class NeedsTextHeadersTask(RightTask):
    def put(self, records: list[Record]) -> None:
        for record in records:
            for header in record.headers or ():
                if not isinstance(header.value, str):
                    raise DataError("a header is no text")
        super().put(records)


class AnyValueTask(RightTask):
    def lines(self, records: Sequence[Record]) -> list[str]:
        return [json.dumps(record.value) for record in records]


class AnyKeyTask(RightTask):
    def put(self, records: list[Record]) -> None:
        for record in records:
            hash(record.key)
        super().put(records)


class RoundsTask(RightTask):
    def lines(self, records: Sequence[Record]) -> list[str]:
        return super().lines(
            [r.replace(value=r.value % 1000) if type(r.value) is int else r for r in records]  # big ones alone
        )


class OneTopicTask(RightTask):
    def put_batches(self, batches: Sequence[Batch]) -> None:
        self.put_batch(batches[0])


class OneTopicBatchTask(OneTopicTask):
    def put_batch(self, batch: Batch) -> None:
        self.put(list(batch.records()))


class NamesAnotherTask(RightTask):
    def lines(self, records: Sequence[Record]) -> list[str]:
        try:
            return super().lines(records)
        except DataError as error:
            raise DataError(error.message, failed=[FailedRecord(0, "bad")]) from error


class KeepsOfRefusedTask(RightTask):
    def put(self, records: list[Record]) -> None:
        for record in records:
            super().put([record])


class OfOneThreadTask(RightTask):
    def put(self, records: list[Record]) -> None:
        if not self.context.connector.startswith("harness"):
            raise DataError("this worker is not known")
        super().put(records)


class SwallowsTask(RightTask):
    def append(self, lines: Sequence[str]) -> None:
        try:
            super().append(lines)
        except RetriableError:
            self.context.log.warning("lines are lost")


class KeepsOfFailedTask(RightTask):
    """Writes a line beside its file before it finds that the file is away, and adds that later."""

    def append(self, lines: Sequence[str]) -> None:
        kept = Path(self.config.out + ".kept")
        before = kept.read_text().splitlines() if kept.exists() else []
        kept.write_text("".join(f"{line}\n" for line in [*before, *lines]))
        super().append([*before, *lines])
        kept.unlink()


class WaitsLongTask(RightTask):
    def put(self, records: list[Record]) -> None:
        time.sleep(Slow.now_s * 10)
        super().put(records)


class SlowByRecordTask(RightTask):
    def append(self, lines: Sequence[str]) -> None:
        for line in lines:
            super().append([line])
            time.sleep(0.0005)


class KeepsForFlushTask(RightTask):
    def start(self) -> None:
        self.kept: list[list[str]] = []

    def append(self, lines: Sequence[str]) -> None:
        self.kept.append(list(lines))

    def flush(self) -> None:
        kept, self.kept = self.kept, []
        for lines in kept:
            super().append(lines)
            time.sleep(0.007)


class BlocksTask(RightTask):
    async def put_batch(self, batch: Batch) -> None:
        time.sleep(0.6)  # noqa: ASYNC251 - that is the fault


class HalfRecordsTask(RightTask):
    async def put_batch(self, batch: Batch) -> None:
        for line in self.lines(list(batch.records())):
            with open(self.config.out, "a") as file:  # noqa: ASYNC230, PTH123
                file.write(line[:3])
                file.flush()
                await asyncio.sleep(0)
                file.write(line[3:] + "\n")


class CommitsEarlyTask(RightTask):
    """Keeps what it is given until there is much, and promises it all the same."""

    def start(self) -> None:
        self.kept: list[str] = []

    def append(self, lines: Sequence[str]) -> None:
        self.kept += lines
        if len(self.kept) >= 20:
            super().append(self.kept)
            self.kept = []

    def stop(self) -> None:
        super().append(getattr(self, "kept", []))


class CommitsEarlySink(RightSink):
    """Wrong."""

    task_class = CommitsEarlyTask


class SaysOnceSink(RightSink):
    """Wrong: it keeps nothing of offsets."""

    def exactly_once_support(self) -> ExactlyOnceSupport:
        return ExactlyOnceSupport.SUPPORTED


def read_or_nothing(self: RightSuite, folder: Path) -> list[Any]:
    """What is half a line is told as what it is."""
    out = folder / "out.txt"
    return out.read_text().split("\n")[:-1] if out.exists() else []


def faulty(connector: type[SinkConnector], **more: Any) -> type:
    return suite_of(RightSuite, connector=connector, **more)


FAULTS: dict[str, type] = {
    "life_starts_takes_records_and_stops": faulty(wrong(RefusesTask)),
    "life_stops_without_a_put": faulty(wrong(NeedsPutTask)),
    "life_stops_twice": faulty(wrong(StopsOnceTask)),
    "life_stops_when_it_was_not_started": faulty(wrong(NeedsStartTask)),
    "life_stops_while_it_puts": faulty(wrong(WaitsOnTask), target_down=lambda *_: None),
    "life_leaves_no_thread_and_no_file": faulty(wrong(LeavesFileTask)),
    "life_leaves_no_asyncio_task": faulty(wrong(LeavesTaskTask)),
    "life_starts_again_and_again": faulty(wrong(HoldsOnTask)),
    "life_of_two_is_apart": faulty(wrong(SharesPathTask)),
    "life_hides_secrets": faulty(wrong(LogsSecretTask)),
    "tasks_are_as_many_as_allowed": faulty(wrong(RightTask, task_configs=lambda _, most: [{}] * (most + 1))),
    "partitions_come_and_go": faulty(wrong(OpensOnceTask)),
    "partitions_may_be_none": faulty(wrong(NeedsPartitionTask)),
    "partitions_given_back_go_on": faulty(wrong(BeginsAnewTask)),
    "partitions_keep_their_order": faulty(wrong(ReversesTask)),
    "offsets_of_a_flush_are_those_of_what_was_put": faulty(wrong(PromisesMoreTask)),
    "offsets_of_a_flush_are_true": faulty(wrong(WritesAtStopTask)),
    "offsets_of_an_empty_flush": faulty(wrong(NeedsPutForFlushTask)),
    "offsets_go_on_behind_a_restart": faulty(wrong(SkipsFirstTask)),
    "offsets_that_were_not_flushed_come_again": faulty(wrong(RemembersTask)),
    "offsets_of_the_target_are_true": faulty(wrong(ResumesBehindTask)),
    "offsets_that_were_altered_are_heeded": faulty(wrong(KeepsOffsetsTask)),
    "offsets_may_be_altered": faulty(wrong(RightTask, alter_offsets=lambda *_: None)),
    "records_are_in_the_target": faulty(wrong(LosesOneTask)),
    "records_one_by_one_are_as_in_a_batch": faulty(wrong(LosesOfBatchTask)),
    "records_are_the_same_in_both_forms": faulty(wrong(BatchFormsDifferTask)),
    "records_stay_as_they_were": faulty(wrong(ChangesInputTask)),
    "records_without_values_are_taken_or_refused": faulty(wrong(NeedsValueTask)),
    "records_without_keys_are_taken_or_refused": faulty(wrong(NeedsKeyTask)),
    "records_with_headers_are_taken": faulty(wrong(NeedsTextHeadersTask)),
    "records_with_and_without_schemas_are_taken_or_refused": faulty(wrong(AnyValueTask)),
    "records_of_any_kind_are_taken_or_refused": faulty(wrong(AnyKeyTask)),
    "records_of_every_type_come_back": faulty(wrong(RoundsTask)),
    "records_that_are_taken_are_there": faulty(wrong(SkipsBadTask)),
    "records_of_several_topics_come_together": faulty(wrong(OneTopicBatchTask)),
    "records_that_are_bad_are_told_by_a_data_error": faulty(wrong(NamesAnotherTask)),
    "records_beside_a_bad_one_are_there_once": faulty(wrong(KeepsOfRefusedTask)),
    "records_arrive_from_a_worker": faulty(wrong(OfOneThreadTask)),
    "failure_of_the_target_may_pass": faulty(wrong(SwallowsTask)),
    "failure_of_the_target_keeps_nothing": faulty(wrong(KeepsOfFailedTask)),
    "failure_within_a_put_doubles_nothing": suite_of(OnDisk, connector=wrong(HalfPutTask)),
    "failure_at_the_start_is_told": faulty(wrong(NeedsTargetTask)),
    "pressure_a_slow_target_is_waited_for": faulty(wrong(WaitsLongTask)),
    "pressure_a_large_put_is_taken": faulty(wrong(SlowByRecordTask)),
    "pressure_many_puts_do_not_wait_for_one_flush": faulty(wrong(KeepsForFlushTask)),
    "pressure_the_loop_is_not_blocked": faulty(wrong(BlocksTask)),
    "pressure_a_cancelled_put_leaves_no_half_record": faulty(
        wrong(HalfRecordsTask), read=read_or_nothing, as_read=lambda _, record: json.dumps(record.value)
    ),
    "promise_is_made_in_words": faulty(wrong(RightTask, exactly_once_support=lambda _: True)),
    "crash_loses_nothing": faulty(CommitsEarlySink),
    "crash_doubles_nothing_where_that_is_promised": faulty(SaysOnceSink),
}
#: Further faults that a check has to find.
MORE: list[tuple[str, type]] = [
    ("offsets_of_a_flush_are_those_of_what_was_put", faulty(wrong(PromisesNothingTask))),
    ("offsets_of_a_flush_are_true", faulty(wrong(WaitsForMoreTask))),
    ("records_stay_as_they_were", faulty(wrong(ChangesNestedTask))),
    ("records_stay_as_they_were", faulty(wrong(ChangesHeadersTask))),
    ("failure_at_the_start_is_told", faulty(wrong(ForgetsPulseTask))),
    ("failure_within_a_put_doubles_nothing", suite_of(OnDisk, connector=wrong(LosesRestTask))),
    (
        "pressure_a_cancelled_put_leaves_no_half_record",
        faulty(wrong(HalfLinesTask), read=read_or_nothing, as_read=lambda _, record: json.dumps(record.value)),
    ),
]
ELSEWHERE = dict.fromkeys(checks_of(Suite), "of all plugins: test_faulty_sources.py")
SLOW = {check for check in FAULTS if check.startswith("crash_")}
SLOW |= {"records_arrive_from_a_worker", "life_stops_while_it_puts"}


def cases(checks: Any) -> list[Any]:
    return [pytest.param(check, marks=pytest.mark.slow if check in SLOW else ()) for check in checks]


@pytest.mark.parametrize("check", cases(FAULTS))
def test_a_faulty_sink_is_caught(check: str, tmp_path: Path) -> None:
    assert caught(FAULTS[check], check, tmp_path)
    while KEPT:
        KEPT.pop().close()


@pytest.mark.parametrize(("check", "suite"), MORE, ids=[named(suite) for _, suite in MORE])
def test_a_sink_that_is_faulty_in_another_way_is_caught(check: str, suite: type, tmp_path: Path) -> None:
    assert caught(suite, check, tmp_path)


def test_a_target_that_cannot_be_read_is_no_reason_to_skip_a_crash(tmp_path: Path) -> None:
    def read(self: RightSuite, folder: Path) -> list[Any]:
        if (folder / "out.txt").exists():
            raise ValueError("a torn line")
        return []

    with pytest.raises(ValueError, match="a torn line"):
        caught(suite_of(RightSuite, read=read, kills=1), "crash_loses_nothing", tmp_path)


def test_every_check_has_its_faulty_sink() -> None:
    assert without_a_fault(SinkSuite, FAULTS, ELSEWHERE) == set()


@pytest.mark.parametrize("check", cases(sorted(checks_of(SinkSuite))))
def test_the_right_one_is_not(check: str, tmp_path: Path) -> None:
    """So what fails above fails for its fault alone."""
    with pytest.raises(AssertionError, match=r"passes|skipped"):
        caught(RightSuite, check, tmp_path)
