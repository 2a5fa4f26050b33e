"""What happens to stored records by themselves: retention, compaction, checkpoints.

Decides on the event loop, works on the log's threads.

Elsewhere: putting a compacted segment in its place (`connect.log.storage.swap`).
"""
