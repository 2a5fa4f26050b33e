"""Bytes <-> values, no I/O: varints, record batch v2, index entries, checksums, compression, the partitioner.

Functions of buffers, which block for as long as the bytes take. A compression codec is added in `compression.py`.

Elsewhere: files (`connect.log.storage`); keys and values of the log's own topics, beside who writes them
(`connect.log.groups`, `connect.log.transactions`); keys and values of users (converters/).
"""
