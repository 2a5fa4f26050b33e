"""Protobuf schemas: .proto texts and file descriptors, read, written, and compared by Confluent's rules.

Descriptors are those of the library `protobuf`, which the extra of that name brings, and which has the last word on
what is a schema. It reads no .proto text, so that is done here.

Elsewhere: messages as bytes, which are a converter's.
"""
