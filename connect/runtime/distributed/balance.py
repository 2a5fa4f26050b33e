"""Which worker a task is to be on: as even as can be, with as few moves as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from connect.stores.workers import Task


def balanced(
    tasks: Collection[Task],
    workers: Sequence[str],
    present: Mapping[Task, str],
    pinned: Mapping[Task, str] | None = None,
) -> dict[Task, str]:
    """Return a worker for each task; {} where there are no workers.

    No worker has two tasks more than another, but for those that are pinned. A task stays where it is present unless
    its worker is none of `workers`, or has too many; of those that move, one goes where its connector has fewest.

    Args:
        present: Where tasks are, or were last.
        pinned: Tasks that can run on one worker alone.
    """
    if not workers:
        return {}
    ordered = sorted(workers)
    found = {task: worker for task, worker in (pinned or {}).items() if worker in workers and task in tasks}
    found |= {task: present[task] for task in tasks if task not in found and present.get(task) in workers}
    load = Counter(dict.fromkeys(ordered, 0))
    load.update(found.values())
    of_connector = Counter((worker, task[0]) for task, worker in found.items())

    def put(task: Task, worker: str) -> None:
        found[task] = worker
        load[worker] += 1
        of_connector[worker, task[0]] += 1

    def least(task: Task) -> str:
        return min(ordered, key=lambda worker: (load[worker], of_connector[worker, task[0]]))

    for task in sorted(tasks):
        if task not in found:
            put(task, least(task))
    movable = [task for task in found if task not in (pinned or {})]
    while True:
        lightest = min(ordered, key=load.__getitem__)
        heavy = [worker for worker in ordered if load[worker] > load[lightest] + 1]
        candidates = [task for task in movable if found[task] in heavy]
        if not candidates:
            return found
        task = max(
            candidates,
            key=lambda one: (load[found[one]], of_connector[found[one], one[0]] - of_connector[lightest, one[0]], one),
        )
        load[found[task]] -= 1
        of_connector[found[task], task[0]] -= 1
        put(task, lightest)
