"""What Confluent's options say."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2 as pb
from google.protobuf.message import DecodeError

from connect_protofiles.meta import Meta, is_in_bytes, meta_of, set_meta
from connect_protofiles.parsing import parsed
from connect_protofiles.tokens import ProtoError


def field_options(said: str) -> pb.FieldOptions:
    return parsed(f"message M {{ optional int32 a = 1 [{said}]; }}").message_type[0].field[0].options


def test_a_meta_is_read_in_the_words_of_a_text() -> None:
    options = field_options(
        '(confluent.field_meta) = { doc: "d\\n", params: [{key: "a", value: "1"}, {value: "2", key: "b"}], '
        'tags: ["t"] }'
    )
    assert meta_of(options) == Meta("d\n", {"a": "1", "b": "2"}, ("t",))
    assert meta_of(field_options('(.confluent.field_meta).doc = "d"')) == Meta("d")
    assert meta_of(field_options('(other) = "d"')) == Meta()


def test_a_meta_is_read_out_of_bytes() -> None:
    options = pb.FieldOptions.FromString(b"\x82\x44\x03\n\1d")
    assert meta_of(options) == Meta("d")
    assert is_in_bytes(options)
    assert not is_in_bytes(field_options('(confluent.field_meta).doc = "d", packed = true'))


@pytest.mark.parametrize("kind", [pb.FileOptions, pb.MessageOptions, pb.FieldOptions, pb.EnumOptions])
def test_what_is_set_is_read(kind: type) -> None:
    meta = Meta('"é\\', {"precision": "5", "x": "y"}, ("a", "b"))
    options = kind()
    set_meta(options, meta)
    assert meta_of(options) == meta
    set_meta(empty := kind(), Meta())
    assert not empty.uninterpreted_option


@pytest.mark.parametrize("said", ["{ odd: 1 }", "5", "{ doc: 5 }"])
def test_words_that_are_none_are_told(said: str) -> None:
    with pytest.raises(ProtoError, match=r"option confluent\.field_meta"):
        meta_of(field_options(f"(confluent.field_meta) = {said}"))


def test_bytes_that_are_none_are_told() -> None:
    # Where Confluent's own classes are in the process, options with such bytes cannot be read at all.
    with pytest.raises((ProtoError, DecodeError), match=r"cannot be read|corrupt"):
        meta_of(pb.FieldOptions.FromString(b"\x82\x44\x01\xff"))
