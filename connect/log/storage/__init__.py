"""Partitions and their files: segments, indexes, reading, recovery.

Partition                      partition.py     what the rest of the log knows of all this
├── ActiveEnd                  active_end.py    appends, rolls segments, takes torn writes back, syncs
│   └── Producers              producer_state.py   sequence numbers, open transactions, their snapshots
└── Segments                   segments.py      what readers see: views, reads, deletion, replacement
    ├── Segment                segment.py       one log file: bytes, positions, offsets
    │   ├── Indexes            index.py         its offset and time index
    │   └── aborted.py                          its transaction index
    ├── reading.py                              batches by offset and by time
    └── swap.py                                 a compacted segment in the place of old ones
recovery.py                                     opening, and what is done about damage
checkpoints.py, open_files.py                   offsets of all partitions; a bound on open files
files.py                                        the disk: what alone changes files

Blocks; runs on the log's threads. A segment is rolled in `active_end.py`; every write goes through `files.py`.

Elsewhere: bytes of a batch (`connect.codec`); when to compact or delete (`connect.log.upkeep`); which topics there are
(`connect.log.topics`).
"""
