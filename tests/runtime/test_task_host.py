from __future__ import annotations

from pathlib import Path

from tests.support.worker import running_worker


async def test_a_worker_that_is_alone_runs_its_tasks_itself_and_asks_about_the_values_that_they_have(
    tmp_path: Path,
) -> None:
    async with running_worker(tmp_path) as worker:
        config = {"connector.class": "Datagen", "kafka.topic": "t", "quickstart": "users", "max.interval": "60000"}
        await worker.herder.put_config("c", config)
        await worker.until(lambda: len(worker.herder._worker.tasks("c")) == 1)
        host, [task] = worker.herder._worker, worker.herder._worker.tasks("c")
        assert host.runner(task) is not None and [each.id for each in host.progress()] == [task]
        await host.stop_outdated("c", config)
        assert host.tasks("c") == [] and host.runner(task) is None
