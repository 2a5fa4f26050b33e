"""Protobuf schemas: .proto texts and file descriptors as the registry keeps them, and compares by Confluent's rules.

Elsewhere: the language of .proto texts, and that it is Protobuf's own library which has the last word on what is a
schema (`connect_protofiles`, with the extra `protobuf`); messages as bytes, which are a converter's.
"""
