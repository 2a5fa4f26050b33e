"""The bundled log: the ports over one directory, in Kafka's own format.

    LogCluster                     cluster.py      opens the directory, owns it, hands out the rest
    ├── LogAdmin                   clients/        producers, consumers and the administrator: on the event loop
    ├── LogProducer, LogConsumer
    ├── LogGroups                  groups/         who reads which partition, and the offsets they committed
    ├── Transactions               transactions/   producer ids, sessions, the coordinator
    ├── Upkeep                     upkeep/         retention, compaction, checkpoints
    └── Topics > Topic             topics.py, topic_config.py
        └── Partition > Segment    storage/        appending, reading, indexes, recovery: on the log's threads

Everything below `Topic` is synchronous and runs on the cluster's threads; everything above runs on the event loop and
makes one hop a call. `inspection/` reads and mends a directory that is not opened. What is promised when is told in
docs/explanation/log-format.md.

Elsewhere: bytes of a batch (`connect.codec`); what a worker remembers in its topics (`connect.stores`).
"""

from connect.log.cluster import LogCluster

__all__ = ["LogCluster"]
