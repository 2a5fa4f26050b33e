"""The runtime: finds plugins, runs connectors and tasks, keeps their state.

Knows the log only through `connect.ports`.
"""
