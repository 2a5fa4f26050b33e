"""Partitions and their files: segments, indexes, reading, recovery.

Blocks; runs on the log's threads. A segment is rolled in `partition.py`; every write to a disk goes through `files.py`.

Elsewhere: bytes of a batch (`connect.codec`); when to compact or delete (`connect.log.upkeep`); which topics there are
(`connect.log.topics`).
"""
