"""Protobuf: `ProtobufConverter`, as Confluent's.

`making` is what the converter asks for; `to_proto` and `to_connect` turn schemas into each other, `writing` and
`reading` values, by protobuf; `indexes` is what stands in front of a record's data.

Elsewhere: texts of schemas and descriptors (`connect_protofiles`); the registry (`connect_schemas.converting`).
"""
