"""The bundled log: the ports over one directory, in Kafka's own format.

    LogCluster                     cluster.py   opens the directory, owns it, hands out the rest
    ├── LogAdmin, LogGroups        admin.py, groups.py
    ├── LogProducer, LogConsumer   producer.py, consumer.py
    └── Topics > Topic             topics.py, topic_config.py
        └── Partition > Segment    partition.py, segment.py, index.py, recovery.py

Everything below `Topic` is synchronous and runs on the cluster's threads; everything above runs on the event loop and
makes one hop a call. What is promised when is told in docs/explanation/log-format.md.
"""

from connect.log.cluster import LogCluster

__all__ = ["LogCluster"]
