"""What a worker remembers: connector configs, source offsets, statuses; in compacted topics, over the ports.

In memory and durable in the log, in Kafka Connect's shapes.

Elsewhere: offsets of sinks, which are their group's (`connect.ports.groups`); what follows from a config
(`connect.runtime`).
"""
