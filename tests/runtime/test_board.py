from __future__ import annotations

from pathlib import Path
from typing import Any

from connect.app import open_cluster
from connect.runtime.board import Starts, StatusBoard
from connect.runtime.model import State
from connect.runtime.states import Event
from connect.stores.compacted import CompactedTopic
from connect.stores.statuses import Status, StatusStore


async def test_a_board_shows_what_the_table_gives_and_tells_of_tasks_whose_state_changed(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    topic = CompactedTopic(cluster, "status")
    statuses, told = StatusStore(topic, lambda: 1), list[tuple[str, str, str | None]]()

    def tell(_hook: str, *, connector: str, task: int, state: str, previous: str | None, trace: str | None) -> None:
        told.append((f"{connector}-{task}", state, previous))

    board = StatusBoard(statuses, worker_id=lambda: "here:1", tell=tell)
    assert board.show("c", None, Event.START) is State.UNASSIGNED
    assert board.show("c", 0, Event.START) is State.UNASSIGNED
    assert board.show("c", 0, Event.STARTED, version="1") is State.RUNNING
    assert board.show("c", 0, Event.FAIL, "trace", cause="outage") is State.FAILED
    before: Any = board.shown("c", 0)
    assert before == Status("FAILED", "here:1", "trace", None, cause="outage")
    board.show("c", 0, Event.RESTART)
    board.show_again("c", 0, before)
    assert board.shown("c", 0) == before
    assert told == [
        ("c-0", "UNASSIGNED", None),
        ("c-0", "RUNNING", "UNASSIGNED"),
        ("c-0", "FAILED", "RUNNING"),
        ("c-0", "RESTARTING", "FAILED"),
    ]
    await cluster.aclose()


async def test_a_board_counts_starts_and_restarts_until_the_connector_is_gone(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    statuses = StatusStore(CompactedTopic(cluster, "status"), lambda: 1)
    board = StatusBoard(statuses, worker_id=lambda: "here:1", tell=lambda _hook, **_told: None)
    for task, end in ((None, Event.STARTED), (0, Event.STARTED), (1, Event.FAIL)):
        board.show("c", task, Event.START)
        board.show("c", task, end)
    board.show("c", 0, Event.FAIL)
    board.show("c", 0, Event.RESTART)
    board.show("c", 0, Event.START)
    board.show("c", 0, Event.STARTED)
    assert (board.connector_starts, board.task_starts) == (Starts(1, 0), Starts(2, 1)), "what fails later was started"
    assert board.restarts == {("c", 0): 1}
    board.forget("c")
    assert not board.restarts
    await cluster.aclose()
