"""What the runtime needs of a log: producers, consumers, groups and topics, in bytes, partitions and offsets.

Two implementations exist: `connect.log`, the bundled log in a directory, and `connect.kafka`, a real cluster.
The runtime, the stores and the faces know only these protocols; `connect.app` chooses.

Records cross this border as columns of bytes (`connect.records.Columns`), or as raw record batches of Kafka's format
v2, so that bytes that need no change are never taken apart. All methods run on one event loop. None blocks it: an
implementation does file and network work elsewhere. A cancelled call leaves the port usable; a cancelled append may or
may not have happened, as with Kafka.

Elsewhere: the value types (`connect.records`); tools for the files of the bundled log (`connect.inspection`); a port
over another broker is a package beside these two, and a line in `connect.app`.
"""

from connect.ports.admin import (
    STATE_TOPIC_CONFIGS,
    Admin,
    ConfigSource,
    PartitionInfo,
    TopicConfigEntry,
    TopicInfo,
    TransactionInfo,
)
from connect.ports.cluster import Cluster
from connect.ports.consumer import Consumer, Subscription
from connect.ports.groups import GroupInfo, Groups
from connect.ports.producer import Acks, Producer

__all__ = [
    "STATE_TOPIC_CONFIGS",
    "Acks",
    "Admin",
    "Cluster",
    "ConfigSource",
    "Consumer",
    "GroupInfo",
    "Groups",
    "PartitionInfo",
    "Producer",
    "Subscription",
    "TopicConfigEntry",
    "TopicInfo",
    "TransactionInfo",
]
