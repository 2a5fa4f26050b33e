"""The bundled log: the ports over one directory, in Kafka's own format.

    LogCluster                     cluster.py   opens the directory, owns it, hands out the rest
    ├── LogAdmin, LogGroups        admin.py, groups.py
    ├── LogProducer, LogConsumer   producer.py, session.py, consumer.py
    ├── Transactions               transactions.py, producer_ids.py
    ├── Upkeep                     upkeep.py, retention.py, compaction.py
    └── Topics > Topic             topics.py, topic_config.py, checkpoints.py
        └── Partition > Segment    partition.py, reading.py, segment.py, index.py, aborted.py, recovery.py, swap.py

Everything below `Topic` is synchronous and runs on the cluster's threads; everything above runs on the event loop and
makes one hop a call. What is promised when is told in docs/explanation/log-format.md.
"""

from connect.log.cluster import LogCluster

__all__ = ["LogCluster"]
