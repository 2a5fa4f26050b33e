"""Workers of one group in this process, on one bundled log: what a Kafka cluster does for them it does, too, but fast.

What only a real broker can show, sessions that time out, frozen and killed processes, is in
tests/integration/test_distributed_workers.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from connect.app import open_cluster
from connect.ports import Cluster
from connect.rest.server import serve
from connect.runtime.distributed.node import Node
from connect.runtime.herder import Herder
from connect.runtime.plugins import PluginHost
from connect.runtime.worker_config import WorkerConfig
from tests.support.declared import checked_app
from tests.support.worker import STRING, until


class Group:
    """The workers of a group, by their names."""

    def __init__(self, cluster: Cluster, stack: AsyncExitStack, **keys: str) -> None:
        self.cluster = cluster
        self.nodes: dict[str, Node] = {}
        self._stack = stack
        self._keys = keys
        self.plugins = PluginHost.discover([])
        self._stacks: dict[str, AsyncExitStack] = {}

    async def start(self, name: str, *, served: bool = False, **keys: str) -> Node:
        """Start a worker, and let it join; `served` also has REST."""
        stack = await self._stack.enter_async_context(AsyncExitStack())
        config = {"listeners": "http://127.0.0.1:0", "key.converter": STRING, "value.converter": STRING}
        parsed = WorkerConfig.parse({**config, **self._keys, **keys})
        node = await stack.enter_async_context(Node(parsed, self.cluster, self.plugins))
        url = f"http://{name}:8083"
        if served:
            app = stack.enter_context(checked_app(node))
            url = (await stack.enter_async_context(serve(app, parsed)))[0]
            stack.push_async_callback(app.state.leader.aclose)
        node.base.url = url
        await node.join(url)
        self.nodes[name], self._stacks[name] = node, stack
        return node

    async def stop(self, name: str) -> None:
        """Stop a worker as a signal does; or, where it has lost its membership, as its process ends that life."""
        del self.nodes[name]
        await self._stacks.pop(name).aclose()

    async def throw_out(self, name: str, *, is_deaf: bool = False) -> None:
        """Let the group go on without a worker, as it does with one that it has not heard of for too long.

        Args:
            is_deaf: That worker does not hear of what the leader wants, as one that is frozen.
        """
        if is_deaf:
            self.nodes[name]._member.look = lambda _task: None  # type: ignore[method-assign]
        consumer = self.nodes[name]._membership._consumer
        assert consumer is not None, "it has joined"
        await consumer.aclose()

    async def leader(self) -> Herder:
        """Wait until somebody leads; return that worker's herder."""
        await until(lambda: any(node.herder is not None for node in self.nodes.values()))
        return next(node.herder for node in self.nodes.values() if node.herder is not None)

    def placed(self, state: str = "RUNNING") -> dict[str, str]:
        """Return where each task is that is in a state, as the leader shows it."""
        herder = next((node.herder for node in self.nodes.values() if node.herder is not None), None)
        if herder is None:
            return {}
        found = [(name, task) for name in herder.connectors() for task in herder.status(name).tasks]
        return {f"{name}-{task.id}": task.worker_id.partition(":")[0] for name, task in found if task.state == state}

    def load(self) -> Counter[str]:
        return Counter(self.placed().values())

    async def until_load(self, **load: int) -> None:
        """Wait until so many tasks run on each worker, and none elsewhere."""
        try:
            await until(lambda: self.load() == Counter(load))
        except AssertionError as error:
            raise AssertionError(f"{self.placed()} is not {load}") from error

    def running(self, name: str) -> set[str]:
        """Return the tasks that really run in a worker's process."""
        return {str(task) for task in self.nodes[name].base.worker._tasks}


@asynccontextmanager
async def group(tmp_path: Path, **keys: str) -> AsyncIterator[Group]:
    """Make a group without workers; keys with '_' for '.'."""
    cluster = await open_cluster(tmp_path / "data")
    try:
        async with AsyncExitStack() as stack:
            yield Group(cluster, stack, **{key.replace("_", "."): value for key, value in keys.items()})
    finally:
        await cluster.aclose()


async def call(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
    """Ask until nobody says that the group is on its way, with a deadline."""
    async with asyncio.timeout(30):
        while True:
            if (answer := await client.request(method, path, **options)).status_code != 409:
                return answer
            await asyncio.sleep(0.02)


def generated(name: str, tasks: int, **keys: str) -> dict[str, str]:
    """Return the config of a connector whose tasks do next to nothing."""
    own = {"connector.class": "Datagen", "kafka.topic": name, "quickstart": "users", "max.interval": "60000"}
    return {"name": name, "tasks.max": str(tasks), **own, **keys}
