"""The port to what consumer groups have committed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from connect.records import (
    OffsetAndMetadata,
    TopicPartition,
)


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A consumer group. `members` are the client ids of the consumers that read for it now.

    Attributes:
        state: 'Stable' with members, 'Empty' without.
    """

    name: str
    state: Literal["Stable", "Empty"]
    members: tuple[str, ...]
    offsets: Mapping[TopicPartition, OffsetAndMetadata]


class Groups(Protocol):
    """Committed offsets of consumer groups. Offsets that no consumer used for a week expire."""

    async def list(self) -> list[str]:
        """Return the names of groups with committed offsets or members, sorted."""

    async def describe(self, group: str) -> GroupInfo:
        """Return a group with its offsets and members; an unknown one is empty."""

    async def members(self, group: str) -> Sequence[str]:
        """Return the client ids of the consumers that read for a group now; cheap enough to ask twice a second.

        While a group's coordinator moves it may be unknown, and so have none.

        Raises:
            EnvironmentFault: Nobody tells, within seconds.
        """

    async def offsets(
        self, group: str, topics: Collection[str] | None = None
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return a group's committed offsets; none for an unknown group.

        Args:
            topics: Those of these topics alone, as far as they exist; with many topics in the cluster that is cheaper.
        """

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Set a group's offsets from outside, durably.

        Raises:
            ConflictError: log.group_in_use: consumers read for the group; what they commit would be lost.
            UnknownTopicOrPartitionError: One of the partitions is not there; none was set.
        """

    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Forget these partitions' offsets; None forgets the whole group. An unknown group is no error.

        Raises:
            ConflictError: log.group_in_use.
        """
