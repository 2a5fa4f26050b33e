from __future__ import annotations

from connect.metrics.kafka import KAFKA_METRICS
from connect.metrics.reading import Reading, Samples
from tests.metrics.looks import make_look, make_task


def samples(name: str, read: Reading) -> dict[str, float]:
    metric = next(one for one in KAFKA_METRICS if name in {each for each, _ in one.names})
    found: Samples = metric.samples(read)  # type: ignore[assignment]
    return dict(found)


def test_tasks_of_a_connector_are_counted_by_state() -> None:
    read = Reading(make_look(*(make_task(number=n, state=state) for n, state in enumerate(("RUNNING", "FAILED")))))
    counts = {
        state: samples(f"kafka_connect_worker_connector_{state}_task_count", read)
        for state in ("total", "running", "failed", "paused")
    }
    assert {state: found['{connector="c"}'] for state, found in counts.items()} == {
        "total": 2, "running": 1, "failed": 1, "paused": 0,
    }  # fmt: skip


def test_transactions_are_told_of_tasks_that_have_ended_one() -> None:
    plain, transactional = (make_task(number=number, kind="source") for number in range(2))
    transactional.meter.ended_transaction(7)
    found = samples("kafka_connect_source_task_metrics_transaction_size_max", Reading(make_look(plain, transactional)))
    assert found == {'{connector="c",task="1"}': 7}


def test_a_percentage_of_nothing_is_0() -> None:
    task = make_task()
    name = "kafka_connect_connector_task_metrics_offset_commit_success_percentage"
    assert list(samples(name, Reading(make_look(task))).values()) == [0]
    task.meter.committed(0.1)
    task.meter.committed(0.1, failed=True)
    assert list(samples(name, Reading(make_look(task))).values()) == [0.5]
