"""What the command line needs of the rest, as a protocol; `connect.app` passes it in, so the faces know no log."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from connect.inspection import Inspector, Repairer
from connect.ports import Cluster

if TYPE_CHECKING:
    from connect.runtime.config import WorkerConfig
    from connect.runtime.herder import Herder


class Wiring(Protocol):
    """Opens logs and workers."""

    async def open_cluster(self, data_dir: Path, configs: Mapping[str, object] | None = None, /) -> Cluster:
        """Open the bundled log of a directory."""

    def inspect_log(self, data_dir: Path, /) -> Inspector:
        """Return what reads a directory without owning it."""

    def repair_log(self, data_dir: Path, /) -> AbstractContextManager[Repairer]:
        """Return what mends a directory that nobody owns."""

    def open_worker(
        self, config: WorkerConfig, cluster: Cluster | None = None, /
    ) -> AbstractAsyncContextManager[Herder]:
        """Run a worker."""

    def serve(self, herder: Herder, /) -> AbstractAsyncContextManager[list[str]]:
        """Serve REST on the listeners of the worker's config; gives the bound URLs."""

    def tune_process(self) -> None:
        """Set the process up for the data plane."""
