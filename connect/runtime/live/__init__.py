"""What a worker keeps in memory of its connectors for who looks: failures, rates, log lines, samples.

Everything is bounded in bytes whatever the number of connectors, and is of this life of the worker alone.

Elsewhere: figures for machines, for as long as a worker runs, are `connect/metrics/`; what a task counts is
`connect/runtime/tasks/meter.py`; what statuses show is `connect/runtime/board.py`.
"""
