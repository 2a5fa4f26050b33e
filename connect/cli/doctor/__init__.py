"""`connect doctor`: whether a worker would run here, and what keeps it from doing so. Looks, and changes nothing.

    command    the command: which checks there are, in which order, and how it ends
    machine    clock, handles, memory, ports
    directory  the worker's directory: its rights, its file system, its room, how fast it is
    outside    the worker that runs here, its Kafka cluster, and the servers and files of connectors

Elsewhere: faults of configs that a look at the text shows (`connect.cli.lint`).
"""
