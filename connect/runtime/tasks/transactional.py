"""The one writer in transactions of each source task: its id, its producer's configs, and how others are shut out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from connect.api import ConfigError
from connect.api.config_values import whole_number
from connect.ports import Cluster
from connect.runtime.worker_config import WorkerConfig

#: Kafka's `transaction.timeout.ms`; a transaction of an interval gets so much more than the interval.
_TIMEOUT_MS: Final = 60_000


def transactional_id(worker: WorkerConfig, connector: str, task: int) -> str:
    """Return what tells a task's producer from all others, through restarts: Kafka's `${group.id}-connector-task`."""
    return f"{worker.group_id}-{connector}-{task}"


def task_of(worker: WorkerConfig, connectors: Iterable[str], transactional: str) -> str | None:
    """Return which task, of these connectors, has a transactional id; None where none does."""
    for connector in connectors:
        prefix = transactional_id(worker, connector, 0).removesuffix("0")
        number = transactional.removeprefix(prefix)
        if number != transactional and number.isdecimal():
            return f"{connector}-{number}"
    return None


def tasks_max(config: Mapping[str, Any]) -> int:
    """Return how many tasks a connector may have; 1 where its config does not say, or says it wrong."""
    return whole_number(str(config.get("tasks.max", 1)).strip()) or 1


async def fence_tasks(cluster: Cluster, worker: WorkerConfig, connector: str, *, tasks: int = 0) -> None:
    """Shut out whatever still writes for tasks of a connector, and abort what is left open.

    Before the tasks divide the work anew, or somebody else changes the offsets: a task of before may run late, and
    under another number than the one that has its share now.

    Args:
        tasks: How many tasks it may have had, in a life of which the log does not tell.
    """
    known = [info.transactional_id for info in await cluster.admin.list_transactions()]
    wanted = {each for each in known if task_of(worker, [connector], each) is not None}
    wanted |= {transactional_id(worker, connector, task) for task in range(tasks)}
    await cluster.admin.fence_producers(wanted)


def timeout_ms(configs: Mapping[str, Any], *, interval_ms: int) -> Any:
    """Return the transactions' timeout: what is asked for, if it is long enough for the interval.

    Args:
        interval_ms: After which a transaction ends; 0 where something else ends it.

    Raises:
        ConfigError: It is over before the interval.
    """
    given = configs.get("transaction.timeout.ms")
    if given is None:
        return _TIMEOUT_MS + interval_ms
    if interval_ms and (asked_ms := whole_number(str(given))) is not None and 0 <= asked_ms <= interval_ms:
        raise ConfigError(
            f"transaction.timeout.ms={given} of the producer is over before a transaction of "
            f"transaction.boundary.interval.ms={interval_ms} ends",
            hint="Raise producer.override.transaction.timeout.ms, or leave it out.",
            config_path="transaction.boundary.interval.ms",
        )
    return given
