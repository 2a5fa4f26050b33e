"""Avro schemas: their texts read and written as Java's library does, and whether one can read what another wrote.

Elsewhere: Avro records as bytes, which are a converter's.
"""
