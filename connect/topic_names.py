"""Names of topics that are not for everybody; see docs/explanation/decisions/0015-internal-topics-are-closed.md."""

from __future__ import annotations

from typing import Final

#: Kafka's own, as of 4.3.
_KAFKAS: Final = frozenset(
    ("__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata", "__remote_log_metadata")
)
#: Ours begin so.
_OURS: Final = "__connect_"


def is_closed(name: str) -> bool:
    """Return whether no connector may write to a topic of this name. Others that begin with `__` are connectors' own,
    such as `__debezium-heartbeat.PREFIX`."""
    return name in _KAFKAS or name.startswith(_OURS)


def is_hidden(name: str) -> bool:
    """Return whether no pattern of a sink matches a topic of this name."""
    return name.startswith("__")
