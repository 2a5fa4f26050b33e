"""Schema registries over a real log: in this process, and served."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from connect.app import open_cluster, serve_registry
from connect.ports import Cluster
from connect.registry.records import Reference
from connect.registry.registry import Registry
from connect.registry.schemas import NewSchema
from connect.registry.topic import SchemaTopic
from connect.runtime.worker_config import WorkerConfig


def avro_text(*fields: str, name: str = "R", **more: Any) -> str:
    """Return a record of strings; a field that ends in ? has a default."""
    members = [
        {"name": one.rstrip("?"), "type": "string", **({"default": ""} if one.endswith("?") else {})} for one in fields
    ]
    return json.dumps({"type": "record", "name": name, "fields": members, **more})


def avro(*fields: str, references: tuple[Reference, ...] = (), **more: Any) -> NewSchema:
    """Return such a record as a schema to register."""
    return NewSchema(avro_text(*fields, **more), references=references)


@asynccontextmanager
async def opened(cluster: Cluster, name: str = "_schemas", *, is_shared: bool = False) -> AsyncIterator[Registry]:
    """Give a registry over a log that is open."""
    topic = SchemaTopic(cluster, name, is_shared=is_shared, replication_factor=1)
    try:
        await topic.open()
        yield Registry(topic)
    finally:
        await topic.aclose()


@asynccontextmanager
async def registry_in(data_dir: Path) -> AsyncIterator[Registry]:
    """Give a registry over the bundled log of a directory."""
    cluster = await open_cluster(data_dir)
    try:
        async with opened(cluster) as registry:
            yield registry
    finally:
        await cluster.aclose()


@asynccontextmanager
async def served(data_dir: Path, **keys: str) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a registry over the bundled log of a directory, and give a client of it.

    Args:
        keys: Of the worker's config, with _ for the dots.
    """
    given = {key.replace("_", "."): value for key, value in keys.items()}
    config = WorkerConfig.read({"data.dir": str(data_dir), "registry.listeners": "http://127.0.0.1:0", **given})
    async with serve_registry(config) as urls, httpx.AsyncClient(base_url=urls[0], timeout=30) as client:
        yield client
