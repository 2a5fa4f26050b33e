from __future__ import annotations

from pathlib import Path

from connect.api import DataError
from connect.runtime.live.failures import BY_ITSELF, BY_REQUEST, FAILURES_MAX, Failures, details_of
from connect.stores.statuses import Status
from tests.support.worker import running_worker


class Clock:
    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


def shown(state: str, trace: str | None = None) -> Status:
    return Status(state, "w:1", trace)


def test_a_failure_is_kept_with_its_time_and_what_started_it_anew() -> None:
    failures = Failures(Clock())
    failures.heed("c", 0, shown("RUNNING"), shown("FAILED", "first"))
    failures.restarted("c", 0, BY_ITSELF)
    failures.heed("c", 0, shown("FAILED", "first"), shown("RESTARTING", "first"))
    failures.heed("c", 0, shown("RESTARTING", "first"), shown("FAILED", "second"))
    failures.heed("c", None, None, shown("FAILED", "third"))
    found = [(one.at_ms, one.task, one.trace, one.restarted_by) for one in failures.of("c")]
    assert [(task, trace, by) for _, task, trace, by in found] == [
        (None, "third", None),
        (0, "second", None),
        (0, "first", BY_ITSELF),
    ]
    assert failures.since_ms("c") == found[2][0], "it did not run in between"
    failures.restarted("c", 0, BY_REQUEST)
    failures.heed("c", 0, shown("FAILED", "second"), shown("RUNNING"))
    assert failures.since_ms("c") == found[0][0], "the connector itself has still failed"
    failures.heed("c", None, shown("FAILED", "third"), None)
    assert failures.since_ms("c") is None


def test_one_that_is_paused_or_stopped_was_not_started_anew() -> None:
    failures = Failures(Clock())
    for state in ("PAUSED", "STOPPED"):
        failures.heed("c", None, shown("RUNNING"), shown("FAILED", state))
        failures.heed("c", None, shown("FAILED", state), shown(state))
    assert [one.restarted_ms for one in failures.of("c")] == [None, None]


def test_the_same_status_told_twice_is_one_failure() -> None:
    failures = Failures(Clock())
    for before in (None, shown("FAILED", "x")):
        failures.heed("c", 0, before, shown("FAILED", "x"))
    assert len(failures.of("c")) == 1


def test_so_many_are_kept_and_so_many_bytes_the_oldest_go_first() -> None:
    failures = Failures(Clock(), bytes_max=200_000)
    for number in range(FAILURES_MAX + 5):
        failures.heed("c", 0, shown("RUNNING"), shown("FAILED", f"{number}"))
    assert [one.trace for one in failures.of("c")][-1] == "5"
    for number in range(100):
        failures.heed(f"d{number}", 0, None, shown("FAILED", "x" * 100_000))
        assert failures._bytes <= 200_000
    assert failures.of("c") == () and failures.of("d0") == ()
    newest = failures.of("d99")[0].trace
    assert len(newest) < 17_000 and "characters are left out" in newest
    assert failures._bytes == sum(one.size_bytes for one in failures._all)


def test_details_are_kept_redacted_and_bounded() -> None:
    failures = Failures(Clock())
    failures.heed("c", 0, None, shown("FAILED", "x"))
    failures.explain("c", 0, {f"n{number}": "y" * 5000 for number in range(100)})
    found = failures.of("c")[0].details
    assert len(found) == 32 and all(len(text) == 1000 for text in found.values())
    failures.explain("gone", 0, {"a": "b"})
    assert details_of(DataError("x", details={"table": "orders"})) == {"table": "orders"}
    assert details_of(ValueError("x")) == {}
    assert details_of(DataError("x", details="nonsense")) == {}  # type: ignore[arg-type]


def test_a_connector_that_is_deleted_takes_its_failures_with_it() -> None:
    failures = Failures(Clock())
    for name in ("c", "d"):
        failures.heed(name, 0, None, shown("FAILED", name))
    failures.forget("c")
    assert (failures.of("c"), failures.since_ms("c")) == ((), None)
    assert failures._bytes == failures.of("d")[0].size_bytes


async def test_a_worker_keeps_the_failures_of_this_life_and_forgets_those_of_a_deleted_connector(
    tmp_path: Path,
) -> None:
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "no" / "out")}
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until_failed("c")
        assert [one.task for one in worker.herder.base.failures.of("c")] == [0]
    async with running_worker(tmp_path) as worker:
        failures = worker.herder.base.failures
        await worker.until_failed("c")
        assert len(failures.of("c")) == 1, "what a life before has left is over"
        await worker.client.post("/connectors/c/restart?includeTasks=true")
        await worker.until(lambda: len(failures.of("c")) == 2)
        assert failures.of("c")[1].restarted_by == BY_REQUEST
        await worker.client.delete("/connectors/c")
        await worker.until(lambda: not failures.of("c"))
        assert failures._bytes == 0
