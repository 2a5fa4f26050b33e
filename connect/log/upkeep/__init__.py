"""What happens to stored records by themselves: retention, compaction, checkpoints."""
