"""The command line face: parses, calls the herder or the ports, renders.

One module a group of commands. A command reaches a worker through REST (`rest.py`), and the log through the ports,
over the data directory itself or over the worker that owns it.

Elsewhere: what a command does (`connect.runtime`, `connect.ports`); opening a log or a worker (`connect.app`).
"""
