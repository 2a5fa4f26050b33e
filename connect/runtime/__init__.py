"""The runtime: finds plugins, runs connectors and tasks, keeps their state.

Knows the log only through `connect.ports`. The herder takes what users want, the life cycle brings the worker to it,
the worker runs connectors and tasks.

Elsewhere: routes and commands (`connect.rest`, `connect.cli`); what outlives the process (`connect.stores`).
"""
