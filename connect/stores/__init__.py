"""What a worker remembers: connector configs, source offsets, statuses; in compacted topics, over the ports."""
