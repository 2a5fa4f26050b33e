"""Debezium's transforms of change events, with its class names and options, one module each.

What they share is in `envelopes` (what a change event is, and what is in it) and `adjustment` (schema names for Avro).

Elsewhere: TimezoneConverter, which takes plain rows too (`connect_transforms.timezone_converter`).
"""
