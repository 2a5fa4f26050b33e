"""The client of a schema registry, by Confluent's REST API, which Karapace and Apicurio (ccompat) have too.

Knows no format: a schema is a text with a type and references.

`client` asks and remembers, `transport` fails over and tries again, `settings` has the keys, `shared` lends one client
to all tasks of the same settings.

Elsewhere: what stands in a record (`connect_schemas.wire`); which subject (`connect_schemas.subjects`).
"""
