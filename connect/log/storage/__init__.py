"""Partitions and their files: segments, indexes, reading, recovery. Blocks; runs on the log's threads."""
