"""The dead letter workbench: lists, shows, mends, replays and discards the letters of dead letter queues.

A letter is any record of a queue, whoever wrote it: one without context, or with that of Kafka's own Connect, is worked
on like any other. Queues are read and never rewritten; what became of a letter is kept in a store of its own.

Elsewhere: how a record becomes a letter (`connect.runtime.tasks.dead_letters`); how a replayed one reaches its sink
(`connect.runtime.tasks.replays`); routes and commands (`connect.rest.v1_dlq`, `connect.cli.dlq`).
"""
