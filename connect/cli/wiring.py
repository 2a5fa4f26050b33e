"""What the command line needs of the rest; `connect.app` passes it in, so the faces know no log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:  # commands that only talk to a worker do not wait for all of this
    from connect.inspection import Inspector, Repairer
    from connect.ports import Cluster
    from connect.runtime.herder import Herder
    from connect.runtime.host import Host
    from connect.runtime.worker_config import WorkerConfig


class OpenCluster(Protocol):
    """Opens the bundled log of a directory, with those of a worker's keys that are the log's."""

    def __call__(
        self, data_dir: Path, configs: Mapping[str, object] | None = None, /
    ) -> Coroutine[Any, Any, Cluster]: ...


#: Tells other commands where the worker of a data directory answers.
WORKER_FILE: Final = "worker.json"


@dataclass(frozen=True, slots=True)
class Wiring:
    """How logs and workers are opened.

    Attributes:
        inspect_log: Returns what reads a directory without owning it.
        repair_log: Returns what mends a directory that nobody owns.
        is_in_use: Tells whether a worker, or another command, owns a directory.
        open_host: Runs a worker.
        open_worker: Runs one that is alone, on a Kafka cluster too.
        listener_problems: Returns what is wrong with the listeners of a worker's config, as key and message.
        client_problems: Returns with which keys of it no client of its Kafka cluster can be made.
        log_problems: Returns what the bundled log refuses of a worker's config, as key and message.
        log_keys: Returns the names of the worker's keys that the log reads.
        serve: Serves REST on the listeners of the worker's config; gives the bound URLs.
        serve_between: Answers at these URLs while there is no host.
        serve_registry: Serves the schema registry; gives the bound URLs.
    """

    open_cluster: OpenCluster
    inspect_log: Callable[[Path], Inspector]
    repair_log: Callable[[Path], AbstractContextManager[Repairer]]
    is_in_use: Callable[[Path], bool]
    open_host: Callable[[WorkerConfig], AbstractAsyncContextManager[Host]]
    open_worker: Callable[[WorkerConfig], AbstractAsyncContextManager[Herder]]
    listener_problems: Callable[[WorkerConfig], list[tuple[str, str]]]
    client_problems: Callable[[WorkerConfig], list[tuple[str, str]]]
    log_problems: Callable[[WorkerConfig], list[tuple[str, str]]]
    log_keys: Callable[[], Collection[str]]
    serve: Callable[[Host], AbstractAsyncContextManager[list[str]]]
    serve_between: Callable[[WorkerConfig, Sequence[str]], AbstractAsyncContextManager[None]]
    serve_registry: Callable[[WorkerConfig], AbstractAsyncContextManager[list[str]]]
