"""Ten things that people come to the page for, each in at most three clicks; how long each takes is printed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.pages import OpenPage, PageWorker, source, until
from tests.support.worker import STRING

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow

CLICKS_MAX = 3
JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"


class Task:
    """What somebody does on the page: counts the clicks."""

    def __init__(self, opened: OpenPage) -> None:
        self.opened = opened
        self.page = opened.page
        self.clicks = 0

    def click(self, locator: Any) -> None:
        self.clicks += 1
        locator.click()


@pytest.fixture
def task(open_page: Callable[..., OpenPage]) -> Iterator[Callable[..., Any]]:
    @contextmanager
    def doing(what: str, path: str = "/") -> Iterator[Task]:
        task = Task(open_page(path))
        begun = time.monotonic()
        yield task
        print(f"{what}: {task.clicks} clicks, {time.monotonic() - begun:.1f} s")
        assert task.clicks <= CLICKS_MAX, what

    return doing  # type: ignore[return-value]


@pytest.fixture
def failing(worker: PageWorker) -> PageWorker:
    """A worker with twenty connectors that run, and one that has failed."""
    for i in range(20):
        worker.create(f"orders-{i:02}", state="STOPPED" if i % 2 else "RUNNING")
    worker.create_failing("payments")
    return worker


def test_find_the_failed_one_and_read_its_cause(failing: PageWorker, task: Any) -> None:
    with task("find the failed one, and read its cause") as doing:
        worry = doing.page.get_by_role("region", name="Should I worry?")
        worry.get_by_text("1 failed").wait_for()
        doing.click(worry.get_by_role("link", name="payments"))
        doing.page.locator(".failure-cause").wait_for()
        assert "Converting byte[] to Kafka Connect data failed" in doing.page.locator(".failure-cause").inner_text()


def test_mend_a_key(failing: PageWorker, task: Any) -> None:
    with task("mend a key", "/connectors/payments") as doing:
        doing.click(doing.page.get_by_role("link", name="Config"))
        editor = doing.page.get_by_label("Config", exact=True)
        editor.fill(editor.input_value().replace(JSON_CONVERTER, STRING))
        doing.click(doing.page.get_by_role("button", name="Review and save"))
        doing.click(doing.page.get_by_role("button", name="Save it"))
        until(lambda: failing.client.get("/connectors/payments/config").json()["value.converter"] == STRING)
        failing.until_state("payments", "RUNNING")


def test_restart_and_see_it_run(failing: PageWorker, task: Any) -> None:
    # What it failed on is gone by now: the record is deleted.
    deleted = failing.client.delete("/v1/topics/bad/partitions/0/records", params={"before_offset": 1})
    assert deleted.status_code < 300, deleted.text
    with task("restart, and see it run", "/connectors/payments") as doing:
        doing.click(doing.page.get_by_role("group", name="Actions").get_by_role("button", name="Restart failed"))
        doing.page.locator(".facts .badge.good").wait_for()
        doing.page.get_by_text("1 of 1 task running").wait_for()


def test_rewind_by_time(worker: PageWorker, task: Any) -> None:
    worker.append("lines", b"one", b"two", b"three")
    out = worker.folder / "out.txt"
    config = {"connector.class": "FileStreamSink", "topics": "lines", "file": str(out), "value.converter": STRING}
    worker.create("to-file", config)
    until(lambda: out.exists() and len(out.read_text().splitlines()) == 3)
    until(lambda: worker.client.get("/v1/connectors/to-file/lag").json()["lag"] == 0)
    with task("rewind by time") as doing:
        doing.click(doing.page.get_by_role("row").get_by_role("link", name="to-file"))
        doing.click(doing.page.get_by_role("link", name="Offsets"))
        doing.page.get_by_text("3 records will be sent again").wait_for()
        doing.click(doing.page.get_by_role("button", name="Set, and send 3 records again"))
        until(lambda: len(out.read_text().splitlines()) == 6)


def test_replay_a_letter(worker: PageWorker, task: Any) -> None:
    worker.append("letters-in", b"no json")
    config = {
        "connector.class": "FileStreamSink",
        "topics": "letters-in",
        "file": str(worker.folder / "letters.txt"),
        "value.converter": JSON_CONVERTER,
        "value.converter.schemas.enable": "false",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    worker.create("to-letters", config)

    def is_there() -> bool:
        answer = worker.client.get("/v1/dlq/dead")
        return answer.status_code == 200 and answer.json()["open"] == 1

    until(is_there)
    with task("replay a letter", "/connectors/to-letters") as doing:
        doing.click(doing.page.get_by_role("link", name="Dead letters").last)
        doing.click(doing.page.locator("button.letter").first)
        doing.click(doing.page.get_by_role("button", name="Replay it"))
        doing.page.get_by_text("1 letter replayed").wait_for()


def test_compare_two_configs(worker: PageWorker, task: Any) -> None:
    worker.create("one")
    worker.create("two", source(str(worker.folder / "other.txt"), "topic-two", **{"batch.size": "7"}))
    with task("compare two configs") as doing:
        doing.click(doing.page.get_by_role("checkbox", name="Select one"))
        doing.click(doing.page.get_by_role("checkbox", name="Select two"))
        doing.click(doing.page.get_by_role("link", name="Compare"))
        doing.page.get_by_text("batch.size").wait_for()


def test_pause_five_at_once(worker: PageWorker, task: Any) -> None:
    for i in range(8):
        worker.create(f"{'eu' if i < 5 else 'us'}-{i}")
    with task("pause five at once") as doing:
        doing.page.keyboard.press("/")
        doing.page.keyboard.type("eu-")
        until(lambda: doing.page.locator("tbody tr[data-row]").count() == 5)
        doing.click(doing.page.get_by_role("checkbox", name="All that are shown"))
        doing.click(doing.page.get_by_role("button", name="Pause 5"))
        doing.page.get_by_text("Pause: 5 of 5").wait_for()
    states = {name: worker.status(name)["connector"]["state"] for name in worker.client.get("/connectors").json()}
    assert sorted(name for name, state in states.items() if state == "PAUSED") == [f"eu-{i}" for i in range(5)]


def test_create_from_a_pasted_config_with_an_error_in_it(worker: PageWorker, task: Any) -> None:
    config = {**source(str(worker.folder / "new.txt"), "fresh"), "tasks.max": "many"}
    with task("create from a pasted config with an error in it") as doing:
        doing.click(doing.page.get_by_role("link", name="New connector"))
        editor = doing.page.get_by_label("Config", exact=True)
        editor.focus()
        doing.page.evaluate(
            "(text) => navigator.clipboard.writeText(text)", json.dumps({"name": "new-one", "config": config})
        )
        doing.page.keyboard.press("Control+A")
        doing.page.keyboard.press("Control+V")
        doing.page.locator("#problems").get_by_text("tasks.max").first.wait_for()
        until(lambda: '"many"' in editor.input_value())
        editor.fill(editor.input_value().replace('"many"', '"1"'))
        doing.page.locator("#problems .bad-text").first.wait_for(state="detached")
        doing.click(doing.page.get_by_role("button", name="Review and create"))
        doing.click(doing.page.get_by_role("button", name="Create it"))
        worker.until_state("new-one", "RUNNING")
