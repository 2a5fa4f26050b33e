"""Each check of a source's certificate, and of all plugins, finds the plugin that is wrong in its way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connect.api import (
    INT32,
    Batch,
    Config,
    ConfigError,
    ConfigValue,
    ExactlyOnceSupport,
    Headers,
    PluginError,
    Problem,
    Record,
    RetriableError,
    Secret,
    SourceConnector,
    SourceTask,
    config_key,
)
from connect.testing.suites import SourceSuite
from tests.testing.suites.faulty import caught, checks_of, named, suite_of, without_a_fault

END = threading.Event()
KEPT: list[Any] = []
AT = {"clock": "tick"}


class RightConfig(Config):
    """Nothing."""

    topic: str = config_key("Topic to write to.", importance="high")
    count: int = config_key("How many in all.", default=50, ge=1)
    folder: str = config_key("Where it keeps what it keeps.", default="")
    token: Secret = config_key("Of a service.", default=Secret(""))


class RightTask(SourceTask[RightConfig]):
    """Counts up, five at a time."""

    def start(self) -> None:
        offset = self.context.offset(AT)
        self.at = 0 if offset is None else self.resumed(offset)

    def resumed(self, offset: Mapping[str, Any]) -> int:
        if not isinstance(offset.get("n"), int):
            raise ConfigError(f"the offset {offset!r} is none of this connector; expected a number, n")
        return int(offset["n"])

    def poll(self) -> list[Record]:
        begin, self.at = self.at, min(self.at + 5, self.config.count)
        return [self.made(number) for number in range(begin, self.at)]

    def made(self, number: int) -> Record:
        return Record(
            self.config.topic,
            f"tick {number}",
            timestamp=1_700_000_000_000 + number,
            source_partition=AT,
            source_offset={"n": number + 1},
        )


class RightSource(SourceConnector[RightConfig]):
    """Counts up."""

    task_class = RightTask
    version = "1.0"

    def exactly_once_support(self) -> ExactlyOnceSupport | None:
        return None

    def alter_offsets(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> bool:
        return True


class RightSuite(SourceSuite):
    connector = RightSource
    config = {"topic": "t"}  # noqa: RUF012
    kills = 2
    deadline_s = 2.0

    def make_config(self, folder: Path) -> dict[str, str]:
        return {**self.config, "folder": str(folder)}


def wrong(task: type[SourceTask], **more: Any) -> type[SourceConnector]:
    """A connector that is right but for its task, or for what `more` says."""
    attributes: dict[str, Any] = {"__module__": __name__, "__doc__": "Wrong.", "task_class": task, **more}
    return type(task.__name__.replace("Task", "Source"), (RightSource,), attributes)


def faulty(task: type[SourceTask] = RightTask, connector: Mapping[str, Any] | None = None, **more: Any) -> type:
    return suite_of(RightSuite, connector=wrong(task, **(connector or {})), **more)


# -- configs -----------------------------------------------------------------------------------------------------------


class TakesAllConfig(RightConfig):
    """Nothing."""

    @classmethod
    def values(cls, raw: Mapping[str, Any], *, together: bool = True) -> dict[str, ConfigValue]:
        return super().values({**raw, "topic": "t", "count": "1"}, together=together)


class SilentConfig(RightConfig):
    """Nothing."""

    interval_ms: int = config_key("", default=1)


class CapitalsConfig(RightConfig):
    """Nothing."""

    interval: int = config_key("Between two.", default=1, name="intervalMs")


class BadDefaultConfig(RightConfig):
    """Nothing."""

    interval_ms: int = config_key("Between two.", default=0, ge=1)


class StrictConfig(RightConfig):
    """Nothing."""

    def problems(self) -> Iterable[Problem]:
        for name in self.originals:
            if name not in self.keys():
                yield Problem("topic", f"{name} is no key of this connector")


class OpenSecretConfig(RightConfig):
    """Nothing."""

    password: str = config_key("Of a service.", default="")


class ShownSecretConfig(RightConfig):
    """Nothing."""

    def problems(self) -> Iterable[Problem]:
        if self.token.get_secret_value():
            yield Problem("token", f"nobody has the token {self.token.get_secret_value()}")


def configured(config: type[Config]) -> type:
    return faulty(RightTask, {"config_class": config})


# -- life --------------------------------------------------------------------------------------------------------------


class GivesNothingTask(RightTask):
    def poll(self) -> list[Record]:
        return []


class NeedsPollTask(RightTask):
    def poll(self) -> list[Record]:
        self.file = "open"
        return super().poll()

    def stop(self) -> None:
        self.file.upper()


class StopsOnceTask(RightTask):
    def start(self) -> None:
        super().start()
        self.open = ["file"]

    def stop(self) -> None:
        if hasattr(self, "open"):
            self.open.pop()


class NeedsStartTask(RightTask):
    def stop(self) -> None:
        assert self.at >= 0


class WaitsOnTask(RightTask):
    def poll(self) -> list[Record]:
        if self.at >= 20:
            time.sleep(1.5 if not self.context.stopping.is_set() else 0)
            END.wait(2)
        return super().poll()


class LeavesThreadTask(RightTask):
    def start(self) -> None:
        super().start()
        threading.Thread(target=END.wait, args=(20,), daemon=True, name="left").start()


class LeavesTaskTask(RightTask):
    async def poll_batch(self) -> list[Batch]:
        KEPT.append(asyncio.ensure_future(asyncio.sleep(20)))
        return Batch.group(self.poll())


class HoldsOnTask(RightTask):
    held = 0

    def start(self) -> None:
        type(self).held += 1
        if self.held > 3:
            raise ConfigError("no connection is free")
        super().start()


class SharesTask(RightTask):
    shared: list[int] = []  # noqa: RUF012 - that is the fault

    def start(self) -> None:
        super().start()
        self.shared[:] = [0]

    def poll(self) -> list[Record]:
        begin = self.shared[0]
        self.shared[0] = min(begin + 5, self.config.count)
        return [self.made(number) for number in range(begin, self.shared[0])]


class ForgetsThreadTask(RightTask):
    """Ends what it began where it has come to the end of its start."""

    def start(self) -> None:
        self.end = threading.Event()
        self.reader = threading.Thread(target=self.end.wait, args=(20,), daemon=True, name="reader")
        self.reader.start()
        super().start()

    def stop(self) -> None:
        if hasattr(self, "at"):
            self.end.set()
            self.reader.join()


class ForgetsConnectionTask(RightTask):
    def start(self) -> None:
        super().start()
        KEPT.extend(socket.socketpair())


class AsyncWaitsOnTask(RightTask):
    """Goes on though it was cancelled."""

    async def poll_batch(self) -> list[Batch]:
        records = self.poll()
        if self.at > 20:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(20)
            await asyncio.sleep(20)
        return Batch.group(records)


class SwallowsCancelTask(RightTask):
    async def poll_batch(self) -> list[Batch]:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            await asyncio.sleep(20)
        return Batch.group(self.poll())


class GivesSecretTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(headers=Headers().add("auth", self.config.token.get_secret_value()))


class PrintsSecretTask(RightTask):
    def start(self) -> None:
        super().start()
        print("token", self.config.token.get_secret_value())


class WrapsSecretTask(RightTask):
    def start(self) -> None:
        super().start()
        if self.config.token.get_secret_value():
            try:
                raise OSError(f"https://x:{self.config.token.get_secret_value()}@host does not answer")
            except OSError as error:
                raise RetriableError("the service is away") from error


class LogsSecretTask(RightTask):
    def start(self) -> None:
        super().start()
        logging.getLogger("own").info("the token is %s", self.config.token.get_secret_value())


# -- offsets -----------------------------------------------------------------------------------------------------------


class NoOffsetsTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(source_offset=None, source_partition=None)


class RoundsOffsetsTask(RightTask):
    """Has an offset for five records alone."""

    def made(self, number: int) -> Record:
        return super().made(number).replace(source_offset={"n": number - number % 5})


class TupleOffsetsTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(source_offset={"n": number + 1, "place": (1, 2)})


class TrustsOffsetsTask(RightTask):
    def resumed(self, offset: Mapping[str, Any]) -> int:
        return int(offset["n"])


class AcknowledgesAtPollTask(RightTask):
    """Forgets upstream what was polled, and not what was committed."""

    def poll(self) -> list[Record]:
        place = Path(self.config.folder, "acknowledged")
        self.at = max(self.at, int(place.read_text())) if place.exists() else self.at
        records = super().poll()
        place.write_text(str(self.at))
        return records


class AheadByOneTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(source_offset={"n": number + 2})


class KeepsItsOwnPlaceTask(RightTask):
    """Goes on where it was by a file of its own, whatever a user has set."""

    def resumed(self, offset: Mapping[str, Any]) -> int:
        place = Path(self.config.folder, "place")
        return max(super().resumed(offset), int(place.read_text()) if place.exists() else 0)

    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        Path(self.config.folder, "place").write_text(str(offsets[-1][1]["n"]))


class BeginsAnewTask(RightTask):
    """Gives all of it in one poll, and so again behind a restart."""

    def poll(self) -> list[Record]:
        begin, self.at = self.at, self.config.count
        return [self.made(number) for number in range(begin, self.at)]

    def resumed(self, offset: Mapping[str, Any]) -> int:
        at = super().resumed(offset)
        return 0 if at >= self.config.count else at


class SkipsBehindCommitTask(RightTask):
    def resumed(self, offset: Mapping[str, Any]) -> int:
        return super().resumed(offset) + 1


class CommitsOnceTask(RightTask):
    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        if hasattr(self, "told"):
            raise PluginError("it was acknowledged before")
        self.told = True


# -- records -----------------------------------------------------------------------------------------------------------


class ShufflesTask(RightTask):
    def poll(self) -> list[Record]:
        return [record.replace(value=random.random()) for record in super().poll()]


class ForgetsSchemaTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(value_schema=INT32)


class OddTopicTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(topic="ticks of today")


class SecondsTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(timestamp=1_700_000_000)


class NotPlainTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(value=object)


class LazyTask(RightTask):
    def made(self, number: int) -> Record:
        return super().made(number).replace(value={"as": lambda: number})


class ReusesTask(RightTask):
    def start(self) -> None:
        super().start()
        self.value: dict[str, int] = {}

    def made(self, number: int) -> Record:
        self.value["n"] = number
        return super().made(number).replace(value=self.value)


class ReusesOffsetTask(RightTask):
    """Has one offset for a batch, and changes it with the next."""

    def start(self) -> None:
        super().start()
        self.place: dict[str, int] = {}

    def poll_batch(self) -> Batch | None:
        records = self.poll()
        self.place["n"] = self.at
        values = [record.value for record in records]
        return Batch(self.config.topic, values, source_partition=AT, source_offset=self.place) if values else None


class FormsDifferTask(RightTask):
    def poll_batch(self) -> list[Batch]:
        return Batch.group(record.replace(value="other") for record in self.poll())


# -- failures ----------------------------------------------------------------------------------------------------------


class DependsTask(RightTask):
    """Reads a file, and lets pass what that raises."""

    def start(self) -> None:
        super().start()
        Path(self.config.folder, "upstream").read_text()

    def poll(self) -> list[Record]:
        Path(self.config.folder, "upstream").read_text()
        return super().poll()


class LosesAtFailureTask(RightTask):
    def poll(self) -> list[Record]:
        records = super().poll()
        try:
            Path(self.config.folder, "upstream").read_text()
        except OSError as error:
            raise RetriableError("the upstream is away") from error
        return records


class OnUpstream(RightSuite):
    """A suite whose source reads a file, which can be away."""

    def make_config(self, folder: Path) -> dict[str, str]:
        (folder / "upstream").touch()
        return super().make_config(folder)

    @contextmanager
    def upstream_down(self, folder: Path) -> Iterator[None]:
        (folder / "upstream").unlink()
        yield
        (folder / "upstream").touch()


# -- pressure ----------------------------------------------------------------------------------------------------------


class AllAtOnceTask(RightTask):
    def poll_batch(self) -> Batch:
        return Batch(self.config.topic, ["tick"] * 100_001)


class WaitsLongTask(RightTask):
    def poll(self) -> list[Record]:
        if self.at >= self.config.count:
            time.sleep(5.1)
        return super().poll()


class BlocksTask(RightTask):
    async def poll_batch(self) -> list[Batch]:
        time.sleep(0.6)  # noqa: ASYNC251 - that is the fault
        return Batch.group(self.poll())


class LosesCancelledTask(RightTask):
    async def poll_batch(self) -> list[Batch]:
        records = self.poll()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Batch.group(records)


# -- crashes: at the top of the module, where a worker of its own finds them -------------------------------------------


class CommitsAheadTask(RightTask):
    """Its offset is that of some polls later."""

    def poll(self) -> list[Record]:
        time.sleep(0.02)
        return [record.replace(source_offset={"n": self.at + 20}) for record in super().poll()]


class CommitsAheadSource(RightSource):
    """Wrong."""

    task_class = CommitsAheadTask


class ForgetsTask(RightTask):
    """It begins anew wherever it was."""

    def poll(self) -> list[Record]:
        time.sleep(0.02)
        return super().poll()

    def resumed(self, offset: Mapping[str, Any]) -> int:
        return 0


class SaysOnceSource(RightSource):
    """Wrong."""

    task_class = ForgetsTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        return ExactlyOnceSupport.SUPPORTED


def too_many(_: Any, max_tasks: int) -> list[dict[str, str]]:
    return [{"topic": "t"}] * (max_tasks + 1)


def the_same_twice(self: Any, max_tasks: int) -> list[dict[str, str]]:
    return [dict(self.config.originals)] * min(max_tasks, 2)


def refuse(*_: Any) -> bool:
    raise ConfigError("offsets cannot be altered")


FAULTS: dict[str, type] = {
    "config_is_taken": faulty(config={}),
    "config_keys_are_documented": configured(SilentConfig),
    "config_keys_are_lower_case_words": configured(CapitalsConfig),
    "config_required_keys_are_asked_for": configured(TakesAllConfig),
    "config_values_of_a_wrong_type_are_refused": configured(TakesAllConfig),
    "config_defaults_are_valid": configured(BadDefaultConfig),
    "config_unknown_keys_are_passed_over": faulty(RightTask, {"config_class": StrictConfig}),
    "config_secrets_are_typed": configured(OpenSecretConfig),
    "config_secrets_are_not_printed": configured(ShownSecretConfig),
    "plugin_is_documented": faulty(RightTask, {"__doc__": None}),
    "plugin_names_are_names": faulty(RightTask, {"class_name": "my source"}),
    "plugin_has_a_version": faulty(RightTask, {"version": "newest"}),
    "life_starts_gives_records_and_stops": faulty(GivesNothingTask),
    "life_stops_without_a_poll": faulty(NeedsPollTask),
    "life_stops_twice": faulty(StopsOnceTask),
    "life_stops_when_it_was_not_started": faulty(NeedsStartTask),
    "life_stops_while_it_polls": faulty(WaitsOnTask),
    "life_leaves_no_thread_and_no_file": faulty(LeavesThreadTask),
    "life_leaves_no_asyncio_task": faulty(LeavesTaskTask),
    "life_leaves_nothing_where_its_start_fails": faulty(ForgetsThreadTask),
    "life_starts_again_and_again": faulty(HoldsOnTask),
    "life_of_two_is_apart": faulty(SharesTask),
    "life_hides_secrets": faulty(LogsSecretTask),
    "tasks_are_as_many_as_allowed": faulty(RightTask, {"task_configs": too_many}),
    "tasks_share_the_work": faulty(RightTask, {"task_configs": the_same_twice}),
    "offsets_are_given": faulty(NoOffsetsTask),
    "offsets_resume_after_every_record": faulty(RoundsOffsetsTask),
    "offsets_survive_json": faulty(TupleOffsetsTask),
    "offsets_of_nobody_are_refused": faulty(TrustsOffsetsTask),
    "offsets_may_be_altered": faulty(RightTask, {"alter_offsets": refuse}),
    "offsets_that_were_altered_are_heeded": faulty(KeepsItsOwnPlaceTask),
    "offsets_that_were_not_committed_come_again": faulty(AcknowledgesAtPollTask),
    "offsets_go_on_behind_a_commit": faulty(SkipsBehindCommitTask),
    "offsets_commits_are_heard": faulty(CommitsOnceTask),
    "records_come_in_the_same_order_again": faulty(ShufflesTask),
    "records_fit_their_schemas": faulty(ForgetsSchemaTask),
    "records_go_to_topics_that_can_be": faulty(OddTopicTask),
    "records_have_times_in_milliseconds": faulty(SecondsTask),
    "records_arrive_in_a_worker": faulty(NotPlainTask),
    "records_can_cross_to_another_process": faulty(LazyTask),
    "records_stay_as_they_were_given": faulty(ReusesTask),
    "records_are_the_same_in_both_forms": faulty(FormsDifferTask),
    "failure_of_the_upstream_may_pass": suite_of(OnUpstream, connector=wrong(DependsTask)),
    "failure_at_the_start_is_told": suite_of(OnUpstream, connector=wrong(DependsTask)),
    "pressure_polls_are_bounded": faulty(AllAtOnceTask),
    "pressure_polls_come_back": faulty(WaitsLongTask, deadline_s=10.0),
    "pressure_the_loop_is_not_blocked": faulty(BlocksTask, deadline_s=10.0),
    "pressure_a_cancelled_poll_loses_nothing": faulty(LosesCancelledTask),
    "promise_is_made_in_words": faulty(RightTask, {"exactly_once_support": lambda _: True}),
    "crash_loses_nothing": suite_of(RightSuite, connector=CommitsAheadSource),
    "crash_doubles_nothing_where_that_is_promised": suite_of(RightSuite, connector=SaysOnceSource),
}
#: Further faults that a check has to find.
MORE: list[tuple[str, type]] = [
    ("life_leaves_no_thread_and_no_file", faulty(ForgetsConnectionTask)),
    ("life_stops_while_it_polls", faulty(AsyncWaitsOnTask, deadline_s=1.0)),
    ("life_hides_secrets", faulty(GivesSecretTask)),
    ("life_hides_secrets", faulty(PrintsSecretTask)),
    ("life_hides_secrets", faulty(WrapsSecretTask)),
    ("offsets_resume_after_every_record", faulty(AheadByOneTask)),
    ("offsets_go_on_behind_a_commit", faulty(BeginsAnewTask)),
    ("records_stay_as_they_were_given", faulty(ReusesOffsetTask)),
    ("failure_of_the_upstream_may_pass", suite_of(OnUpstream, connector=wrong(LosesAtFailureTask))),
    ("pressure_a_cancelled_poll_loses_nothing", faulty(SwallowsCancelTask, deadline_s=1.0)),
]
SLOW = {check for check in FAULTS if check.startswith("crash_")}
SLOW |= {"pressure_polls_come_back", "life_stops_while_it_polls"}


def cases(checks: Any) -> list[Any]:
    return [pytest.param(check, marks=pytest.mark.slow if check in SLOW else ()) for check in checks]


@pytest.mark.parametrize("check", cases(FAULTS))
def test_a_faulty_source_is_caught(check: str, tmp_path: Path) -> None:
    assert caught(FAULTS[check], check, tmp_path)


@pytest.mark.parametrize(("check", "suite"), MORE, ids=[named(suite) for _, suite in MORE])
def test_a_source_that_is_faulty_in_another_way_is_caught(check: str, suite: type, tmp_path: Path) -> None:
    assert caught(suite, check, tmp_path)
    for kept in KEPT:
        if isinstance(kept, socket.socket):
            kept.close()
    KEPT.clear()


def test_every_check_has_its_faulty_source() -> None:
    assert without_a_fault(SourceSuite, FAULTS, {}) == set()


@pytest.mark.parametrize("check", cases(sorted(checks_of(SourceSuite))))
def test_the_right_one_is_not(check: str, tmp_path: Path) -> None:
    """So what fails above fails for its fault alone."""
    with pytest.raises(AssertionError, match=r"passes|skipped"):
        caught(RightSuite, check, tmp_path)
