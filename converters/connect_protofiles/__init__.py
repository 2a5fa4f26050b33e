"""Protobuf's schema language: `.proto` texts to descriptors and back; a library, which imports nothing of ours.

`parsing` makes a `FileDescriptorProto` of a text, `linking` a file in a pool, with all that it imports, `texts` writes
one out as Confluent's registry does. Why it is ours: decision 0104.

Elsewhere: what a converter makes of a descriptor (`connect_schemas.protobuf`).
"""

from connect_protofiles.known import known
from connect_protofiles.linking import described, from_base64, imports_of, linked, message_at, read
from connect_protofiles.meta import Meta, meta_of, set_meta
from connect_protofiles.parsing import parsed
from connect_protofiles.texts import text_of
from connect_protofiles.tokens import ProtoError

__all__ = [
    "Meta",
    "ProtoError",
    "described",
    "from_base64",
    "imports_of",
    "known",
    "linked",
    "message_at",
    "meta_of",
    "parsed",
    "read",
    "set_meta",
    "text_of",
]
