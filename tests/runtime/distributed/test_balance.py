from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from connect.runtime.distributed.balance import balanced
from connect.stores.workers import Task

TASKS = st.sets(st.tuples(st.sampled_from("pqr"), st.integers(0, 9)), max_size=24)
WORKERS = st.sets(st.sampled_from("abcdef"), min_size=1).map(sorted)


@given(TASKS, WORKERS, st.data())
def test_no_worker_has_two_tasks_more_than_another_and_no_more_move_than_must(
    tasks: set[Task], workers: list[str], data: st.DataObject
) -> None:
    present = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(tasks, st.sampled_from("abcdefgh"))))
    found = balanced(tasks, workers, present)
    assert found.keys() == tasks and set(found.values()) <= set(workers)
    load = Counter(dict.fromkeys(workers, 0)) + Counter()
    load.update(found.values())
    counts = [load[worker] for worker in workers]
    assert max(counts) - min(counts) <= 1
    # A worker keeps what it has, up to its share; only what is above moves.
    had = Counter(worker for worker in present.values() if worker in workers)
    low, more = divmod(len(tasks), len(workers))
    stays = (
        sum(sorted((min(had[w], low + 1) for w in workers), reverse=True))
        if more
        else sum(min(had[w], low) for w in workers)
    )
    full = sorted((had[w] for w in workers), reverse=True)
    most = sum(min(count, low + (1 if at < more else 0)) for at, count in enumerate(full))
    assert sum(present.get(task) == worker for task, worker in found.items()) == most <= stays


@given(TASKS, WORKERS)
def test_what_is_pinned_is_where_it_must_be_and_the_rest_evens_it_out_as_far_as_it_can(
    tasks: set[Task], workers: list[str]
) -> None:
    pinned = {task: workers[0] for task in tasks if task[0] == "p"}
    found = balanced(tasks, workers, {}, pinned)
    assert all(found[task] == workers[0] for task in pinned)
    load = Counter(found.values())
    others = [load[worker] for worker in workers[1:]]
    if others:
        assert max(others) - min(others) <= 1
        assert load[workers[0]] <= max(len(pinned), min(others) + 1)


def test_the_tasks_of_a_connector_are_spread() -> None:
    found = balanced({("p", n) for n in range(3)} | {("q", n) for n in range(3)}, ["a", "b", "c"], {})
    assert {worker for task, worker in found.items() if task[0] == "p"} == {"a", "b", "c"}


def test_without_workers_nothing_is_placed() -> None:
    assert balanced({("p", 0)}, [], {("p", 0): "gone"}) == {}
