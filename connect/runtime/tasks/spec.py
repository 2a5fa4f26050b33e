"""What makes a task, and what it is given: who it is, what it runs with which config, and what the worker lends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from connect.ports import Cluster
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.connector_config import ConnectorConfig
from connect.runtime.factory import framework_config
from connect.runtime.model import TaskId
from connect.runtime.observers import Observers
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.providers.config_providers import ConfigProviders
from connect.runtime.providers.references import Parts
from connect.runtime.providers.resolved import Resolved, resolved_task
from connect.runtime.rates import Limit
from connect.runtime.states import Event
from connect.runtime.tasks.traces import Traces
from connect.runtime.worker_config import WorkerConfig
from connect.stores.contracts import ContractStore


@dataclass(frozen=True, slots=True)
class TaskOrigin:
    """What a task's configs are made from anew when it starts, where they hold values of config providers.

    Attributes:
        config: The connector's config, with references.
        parts: The task's config, taken apart.
    """

    config: Mapping[str, str]
    parts: Mapping[str, Parts]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """All that makes a task: who it is, what it runs, and with which config.

    Attributes:
        plugins: Where the classes of its connector and its pipeline are from; a refresh does not change it.
    """

    id: TaskId
    desc: PluginDesc
    plugins: PluginHost
    config: ConnectorConfig
    task_config: Mapping[str, str]
    tasks: int
    origin: TaskOrigin | None = None
    limit: Limit = field(default_factory=Limit)

    def with_values(self, resolved: Resolved) -> TaskSpec:
        """Return it with the values of now for the references of its configs."""
        assert self.origin is not None
        return replace(
            self,
            config=framework_config(self.desc, resolved.config),
            task_config=resolved_task(self.origin.parts, resolved),
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker lends to its tasks.

    Attributes:
        check_placed: Raises `ProducerFencedError` where a task is not this worker's to run any more, as far as that is
            written by the call.
        contracts: What is known of the topics of connectors that have a schema contract.
        traces: Who traces batches.
    """

    cluster: Cluster
    plugins: PluginHost
    worker: WorkerConfig
    on_event: Callable[[TaskId, Event, str | None], None]
    on_topic: Callable[[TaskId, str], None]
    watchdog: Watchdog
    observers: Observers
    providers: ConfigProviders
    check_placed: Callable[[TaskId], Awaitable[None]]
    contracts: ContractStore
    traces: Traces = field(default_factory=Traces)
