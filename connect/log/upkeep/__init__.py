"""What happens to stored records by themselves: retention, compaction, checkpoints.

upkeep.py      when: looks now and then, one change of files at a time
retention.py   which segments are too old or too many
compaction.py  what stays of the records of a key

Decides on the event loop, works on the log's threads.

Elsewhere: putting a compacted segment in its place (`connect.log.storage.swap`).
"""
