"""Tools for a data directory: reading it without owning it, and mending it.

inspector.py  reads it without owning it: verify and dump
repair.py     mends one that nobody owns
scan.py       all records of one partition, for the log's own topics

Blocks; for the command line, which runs them on a thread or by themselves.

Elsewhere: what a worker does when it opens a directory (`connect.log.storage.recovery`, `connect.log.topics`).
"""
