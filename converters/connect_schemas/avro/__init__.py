"""Avro: `AvroConverter`, as Confluent's and Apicurio's.

`nodes` is Avro's own model of a schema, `parsing` and `texts` take it from JSON and back; `to_avro` and `to_connect`
turn schemas into each other, `writing` and `reading` values, by fastavro.

Elsewhere: the registry, and what stands in front of a record's data (`connect_schemas.converting`).
"""
