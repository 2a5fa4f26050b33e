"""Tools for a data directory: reading it without owning it, and mending it.

Blocks; for the command line, which runs them on a thread or by themselves.

Elsewhere: what a worker does when it opens a directory (`connect.log.storage.recovery`, `connect.log.topics`).
"""
