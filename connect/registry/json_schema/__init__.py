"""JSON Schemas: read, and compared by the rules of Confluent's registry.

Elsewhere: whether a value is valid, which is a converter's.
"""
