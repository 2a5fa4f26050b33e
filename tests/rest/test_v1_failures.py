from __future__ import annotations

from pathlib import Path

from connect.api import ConnectError, EnvironmentFault
from connect.runtime.tasks.task import render_trace
from connect.stores.statuses import Status
from tests.support.worker import running_worker


def sink(tmp_path: Path, **more: str) -> dict[str, str]:
    file = str(tmp_path / "nowhere" / "out.txt")
    return {"connector.class": "FileStreamSink", "topics": "t", "file": file, **more}


async def test_failures_are_told_with_their_cause_their_traces_and_the_restart_that_comes(tmp_path: Path) -> None:
    config = sink(tmp_path, **{"errors.restart.policy": "all", "errors.restart.delay.ms": "60000"})
    async with running_worker(tmp_path) as worker:
        assert (await worker.client.get("/v1/connectors/c/failures")).status_code == 404
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until_failed("c")
        told = (await worker.client.get("/v1/connectors/c/failures")).json()
        (one,) = told["failures"]
        assert (one["task"], one["code"], one["restarted"]) == (0, "file.unwritable", False)
        assert "folder" in one["message"] and one["hint"].startswith("Create its folder")
        assert one["python_trace"].startswith("Traceback (most recent call last):")
        assert one["java_trace"].splitlines()[0].startswith("connect.api.errors.ConfigError: ")
        assert one["java_trace"].splitlines()[1].startswith("Caused by: FileNotFoundError: ")
        assert "File " not in one["java_trace"]
        assert told["next_restart"]["attempt"] == 1 and told["next_restart"]["of"] is None
        await worker.client.post("/connectors/c/restart?includeTasks=true&onlyFailed=true")
        await worker.until(lambda: len(worker.herder.base.failures.of("c")) == 2)
        told = (await worker.client.get("/v1/connectors/c/failures")).json()
        assert [(one["restarted"], one["restarted_by"]) for one in told["failures"]] == [
            (False, None),
            (True, "request"),
        ]


async def test_a_restart_by_itself_is_told_as_that(tmp_path: Path) -> None:
    config = sink(tmp_path, **{"errors.restart.policy": "all", "errors.restart.delay.ms": "1"})
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until(lambda: len(worker.herder.base.failures.of("c")) >= 2)
        told = (await worker.client.get("/v1/connectors/c/failures")).json()["failures"]
        assert told[-1]["restarted_by"] == "itself" and told[-1]["restarted_at"] >= told[-1]["at"]


async def test_a_record_that_ends_a_task_is_told_with_its_place(tmp_path: Path) -> None:
    config = {
        "connector.class": "FileStreamSink",
        "topics": "t",
        "file": str(tmp_path / "out.txt"),
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    }
    async with running_worker(tmp_path) as worker:
        await worker.client.post("/v1/topics", json={"name": "t"})
        await worker.client.post("/v1/topics/t/records", json={"records": [{"value": "cnViYmlzaA=="}]})
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until_failed("c")
        (one,) = (await worker.client.get("/v1/connectors/c/failures")).json()["failures"]
        assert one["details"] == {"stage": "converter", "topic": "t", "partition": "0", "offset": "0"}


async def test_traces_of_the_connector_itself_of_java_and_without_frames_are_told_apart(tmp_path: Path) -> None:
    java = "org.x.ConnectException: away\n\tat x.Y.z(Y.java:1)\nCaused by: java.io.IOException"
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=sink(tmp_path))
        await worker.until_failed("c")
        statuses = worker.herder.base.statuses
        for task, trace in ((None, java), (1, "<b>\u202e</b>"), (2, "")):
            set_one = Status("FAILED", "w", trace)
            statuses.put_connector("c", set_one) if task is None else statuses.put_task("c", task, set_one)
        told = (await worker.client.get("/v1/connectors/c/failures")).json()["failures"]
        found = {one["task"]: (one["message"], one["java_trace"], one["python_trace"]) for one in told}
        assert found[None] == ("org.x.ConnectException: away", java, "")
        assert found[1] == ("<b>\u202e</b>", "<b>\u202e</b>", "")
        assert found[2] == ("no cause is known", "", "")


async def test_an_answer_is_bounded_whatever_fails(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=sink(tmp_path))
        await worker.until_failed("c")
        for number in range(50):
            worker.herder.base.statuses.put_task("c", number, Status("FAILED", "w", "x" * 10_000_000))
        answer = await worker.client.get("/v1/connectors/c/failures")
        assert len(answer.json()["failures"]) == 20 and len(answer.content) < 2_000_000


def test_a_rendered_trace_of_causes_reads_as_java_writes_it() -> None:
    from connect.runtime.causes import frames_of, java_text

    try:
        try:
            raise ValueError("two\nlines")
        except ValueError as error:
            raise EnvironmentFault("away", code="environment.unreachable") from error
    except ConnectError as error:
        trace = render_trace(error)
    told = java_text(trace)
    assert told == "connect.api.errors.EnvironmentFault: away\nCaused by: ValueError: two\nlines"
    assert frames_of(trace).startswith("Traceback") and frames_of(None) == "" == java_text("")
