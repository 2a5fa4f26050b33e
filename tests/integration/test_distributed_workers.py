"""Several workers of one group on a real broker: they share the tasks, any of them answers, and what one leaves behind
the others run, each record once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connect.app import open_cluster
from connect.rest.between import JOINING
from tests.support.command import assert_refused, connect
from tests.support.forks import connect_forked
from tests.support.kafka_broker import SharedBroker, free_ports
from tests.support.kafka_crews import SESSION_S, Committed, Crew, generated, is_balanced
from tests.support.kafka_workers import Lines
from tests.support.lengths import IS_LONG, length
from tests.support.plain import NO_TLS

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def crew(tmp_path: Path, broker: SharedBroker, name: str) -> Iterator[Crew]:
    made = Crew(tmp_path, broker.bootstrap, name)
    yield made
    made.close()


@pytest.fixture
def patient_crew(tmp_path: Path, broker: SharedBroker, name: str) -> Iterator[Crew]:
    """Workers that keep their place while the machine, and the broker on it, have much to do."""
    session = dict.fromkeys(("session.timeout.ms", "consumer.session.timeout.ms"), "20000")
    made = Crew(tmp_path, broker.bootstrap, name, **session)
    yield made
    made.close()


@pytest.mark.night
def test_three_workers_share_24_tasks_evenly_and_what_one_leaves_behind_the_others_run(patient_crew: Crew) -> None:
    crew = patient_crew
    crew.start("one")
    for number, tasks in enumerate([1, 1, 2, 2, 2, 2, 3, 3, 4, 4]):
        name = f"{crew.name}-{number}"
        crew.call("POST", "/connectors", {"name": name, "config": generated(name, tasks)})
    crew.until(lambda: is_balanced(crew.load(), tasks=24, workers=1))
    before = crew.tasks()
    crew.start("two")
    crew.start("three")
    crew.until(lambda: is_balanced(crew.load("three"), tasks=24, workers=3))
    moved = [task for task, (_, worker) in crew.tasks("two").items() if worker != before[task][1]]
    assert len(moved) == 16, f"what need not move stays\n{crew.logs()}"
    crew.kill("three")
    crew.until(lambda: is_balanced(crew.load("two"), tasks=24, workers=2))
    here = {task for task, (_, worker) in crew.tasks("two").items() if crew.workers["two"].url().endswith(worker)}
    log = crew.workers["two"].log
    assert crew.stop("one") == 0, crew.logs()
    crew.until(lambda: is_balanced(crew.load("two"), tasks=24, workers=1))
    started = crew.workers["two"].log.removeprefix(log)
    assert len(here) == 12 and not [task for task in here if f"task {task} " in started], "they were left alone"
    assert crew.stop("two") == 0, crew.logs()


@pytest.mark.night
def test_a_workers_directory_is_its_own_and_commands_there_ask_it_whatever_log_is_left_in_it(crew: Crew) -> None:
    before, new = (crew.folder / which / "data" for which in ("one", "two"))
    connect("topic", "create", "on-one-machine", "--data-dir", before)
    one, _ = crew.start("one"), crew.start("two")
    for which in crew.workers:
        crew.call("GET", "/v1/topics", at=which)  # it knows who leads
    for data in (before, new):
        assert crew.topics["config"] in connect("topic", "list", "--data-dir", data).stdout
    assert "on-one-machine" not in connect("topic", "list", "--data-dir", before).stdout
    again = connect_forked("worker", "--data-dir", before, "--config", crew.config, "--listeners", "http://127.0.0.1:0")
    assert_refused(again, 3, "log.in_use", f"in use by process {one.process.pid}")
    assert one.url(), "who was refused has left the address of the owner alone"
    assert crew.stop("one") == 0, crew.logs()
    assert "on-one-machine" in connect("topic", "list", "--data-dir", before).stdout


@pytest.mark.slow
def test_a_worker_that_lost_its_place_answers_at_its_url_while_it_joins_again(crew: Crew) -> None:
    [port] = free_ports(1)
    worker = crew.start("one", "--listeners", f"http://127.0.0.1:{port}")
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(SESSION_S + 2)  # the session is over for the brokers
    worker.process.send_signal(signal.SIGCONT)
    with httpx.Client(base_url=worker.url(), verify=NO_TLS, timeout=30) as client:
        answers: list[httpx.Response] = []

        def is_back() -> bool:
            try:
                answers.append(client.get("/health"))
            except httpx.TransportError:  # in the moment in which one takes the other's place
                return False
            return worker.log.count("this worker is a member of group") == 2 and answers[-1].status_code == 200

        crew.until(is_back)
        between = [answer.json()["message"] for answer in answers if answer.status_code == 503]
        assert JOINING in between, crew.logs()


@pytest.mark.skipif(not IS_LONG, reason="it waits for sessions to time out, several times: CONNECT_LONG=1")
@pytest.mark.parametrize("support", ["disabled", "enabled"])
async def test_workers_that_are_killed_and_frozen_in_turn_lose_nothing_and_with_exactly_once_nothing_comes_twice(
    broker: SharedBroker, tmp_path: Path, name: str, support: str
) -> None:
    crew = Crew(tmp_path, broker.bootstrap, name, **{"exactly.once.source.support": support})
    lines = Lines(tmp_path / "in.txt", at_once=10)
    cluster = await open_cluster(tmp_path / "elsewhere", {"bootstrap.servers": broker.bootstrap})
    committed = Committed(cluster, name, crew)
    source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": name}
    topics = {"topic.creation.default.replication.factor": "1"}
    try:
        for which in ("a", "b"):
            crew.start(which)
        crew.call("PUT", f"/connectors/{name}/config", {**source, **topics}, at="b")
        for turn in range(length("CONNECT_WORKER_KILLS")):
            holder = crew.holder(f"{name}-0")
            other = next(which for which in crew.workers if which != holder)
            if turn % 2:
                crew.workers[holder].process.send_signal(signal.SIGSTOP)
            else:
                crew.kill(holder)
            crew.until(lambda other=other: crew.holder(f"{name}-0", at=other) == other, but=holder)
            await committed.until(lines.count)
            if turn % 2:
                crew.workers[holder].process.send_signal(signal.SIGCONT)
            else:
                crew.start(holder)
            crew.until(lambda other=other: len(crew.call("GET", "/v1/workers", at=other)["workers"]) == 2)
        wanted = lines.end()
        await committed.until(len(wanted))
        assert [crew.stop(which) for which in list(crew.workers)] == [0, 0], crew.logs()
    finally:
        lines.end()
        crew.close()
        await cluster.aclose()
    assert set(committed.lines) == wanted
    if support == "enabled":
        assert committed.lines == sorted(wanted), "each once, in order"
