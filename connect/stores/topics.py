"""Making a topic that is needed, when others may make it at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from connect.api import ConflictError, UnknownTopicOrPartitionError
from connect.ports import Admin

#: How long a topic that somebody else has just made may take to be seen.
SEEN_WITHIN_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.05


async def ensure_topic(
    admin: Admin,
    name: str,
    *,
    partitions: int | None = 1,
    configs: Mapping[str, str] | None = None,
    replication_factor: int | None = None,
) -> int:
    """Return a topic's number of partitions; make it first where it is missing.

    Of several that make one topic at once, one does, and all of them go on once it is there. A topic that is there
    keeps its own partitions and configs.

    Raises:
        ConfigError, ConflictError, EnvironmentFault: It cannot be made.
        UnknownTopicOrPartitionError: Somebody else made it, and it was not to be seen within `SEEN_WITHIN_S`.
    """
    present = await admin.partitions(name)
    if present is not None:
        return present
    try:
        made = await admin.create_topic(
            name, partitions=partitions, configs=configs, replication_factor=replication_factor
        )
    except ConflictError as error:
        if error.code != "log.topic_exists":  # a folder is in the way, or another name like this one
            raise
        return await _seen(admin, name)
    return len(made.partitions)


async def _seen(admin: Admin, name: str) -> int:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SEEN_WITHIN_S
    while (present := await admin.partitions(name)) is None:
        if loop.time() >= deadline:
            raise UnknownTopicOrPartitionError(
                f"topic {name!r} was made by another, and was not there within {SEEN_WITHIN_S:.0f} s"
            )
        await asyncio.sleep(_LOOK_AGAIN_S)
    return present
