"""The REST face of the schema registry: Confluent's API, behind the layers of the worker's own.

Parses, calls `connect.registry`, renders; decides nothing.

Elsewhere: what a request does (`connect.registry`); the layers before the routes, and users (`connect.rest`).
"""
