"""JSON Schema: `JsonSchemaConverter`, as Confluent's.

`to_json_schema` and `to_connect` turn schemas into each other, the latter out of a `documents.Document`, which resolves
its `$ref`s. `values` has the meaning of a value in JSON, one at a time; `columns` is the fast way that means the same;
`payloads` joins the two (decision 0105), and `validating` refuses records that do not meet their JSON Schema.

Elsewhere: the registry, and what stands in front of a record's data (`connect_schemas.converting`); JSON without a
registry (`connect_converters`).
"""
