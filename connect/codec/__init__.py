"""Bytes <-> values, no I/O: varints, record batch v2, index entries, checksums, compression, the partitioner.

header.py       the fixed part of record batch v2, its checksum, and batches one behind another
encode.py       columns -> record batch
decode.py       record batch -> columns
compression.py  gzip, snappy, lz4, zstd: a codec is added here, to `_CODECS`
partitioner.py  murmur2: to which partition a record with a key goes
index.py        entries of a segment's offset and time index
varint.py       the numbers within records

Functions of buffers, which block for as long as the bytes take. A compression codec is added in `compression.py`.

Elsewhere: files (`connect.log.storage`); keys and values of the log's own topics, beside who writes them
(`connect.log.groups`, `connect.log.transactions`); keys and values of users (converters/).
"""
