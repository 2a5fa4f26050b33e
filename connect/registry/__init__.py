"""The schema registry: subjects and their schemas in the topic `_schemas`, as Confluent's registry keeps them.

It stands on the ports, so it runs over the bundled log and over a Kafka cluster; `connect.rest.registry` serves it.

Elsewhere: converters that use a registry, ours or another (`converters/`); the client's commands (`connect.cli`).
"""
