"""Bytes <-> values, no I/O: varints, record batch v2, index entries, checksums, compression, the partitioner."""
