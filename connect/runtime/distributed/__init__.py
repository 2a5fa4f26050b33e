"""Several workers of one group share its tasks, on a Kafka cluster.

The group's protocol says who is alive and who leads; the leader keeps the herder and places tasks; each worker runs
what is placed on it. All that they tell each other is in a compacted topic (`connect.stores.workers`).

Elsewhere: what a process stands on (`connect.runtime.base`), how REST reaches the leader (`connect.rest.forwarding`).
"""
