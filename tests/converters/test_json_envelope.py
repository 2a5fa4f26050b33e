"""The envelope of JsonConverter: its schema part is read once for each distinct one."""

from __future__ import annotations

import pytest

from connect.api import INT32, STRING, DataError, Schema
from connect_converters.json_envelope import Envelopes, opened
from connect_converters.json_values import Decoder, Encoder

HEAD = b'{"schema":{"type":"int32","optional":false},"payload":'


def make_envelopes(size: int = 10) -> Envelopes:
    return Envelopes(size, Encoder(numeric_decimals=False, nulls_to_defaults=True), Decoder(nulls_to_defaults=True))


def test_the_head_of_a_schema_is_written_once() -> None:
    envelopes = make_envelopes()
    assert envelopes.written(INT32) == HEAD
    assert envelopes.written(INT32) is envelopes.written(Schema("int32"))
    assert envelopes.written(None) == b'{"schema":null,"payload":'


def test_a_message_that_begins_as_an_earlier_one_is_known_to_the_byte() -> None:
    envelopes = make_envelopes()
    assert envelopes.known(HEAD + b"5}") is None
    envelopes.learn(HEAD + b"5}", INT32)
    head = envelopes.known(HEAD + b"6}")
    assert head is not None
    assert (head.data, head.schema) == (HEAD, INT32)
    assert envelopes.known(HEAD.replace(b"int32", b"int64") + b"6}") is None
    assert envelopes.known(b" " + HEAD + b"6}") is None


def test_blanks_of_a_writer_are_part_of_what_is_learned() -> None:
    envelopes, spaced = make_envelopes(), b'{ "schema": {"type": "int32"}, "payload": '
    envelopes.learn(spaced + b"5 }", INT32)
    head = envelopes.known(spaced + b"7 }")
    assert head is not None and head.data == spaced


@pytest.mark.parametrize(
    "message", [b'{"payload":5,"schema":null}', b'{"schema":007,"payload":5}', b'{"schema":{},"x":1,"payload":5}', b"5"]
)
def test_a_message_of_another_shape_teaches_nothing(message: bytes) -> None:
    envelopes = make_envelopes()
    envelopes.learn(message, None)
    assert envelopes.known(message) is None


def test_more_schemas_than_the_cache_holds_are_forgotten_and_read_again() -> None:
    envelopes = make_envelopes(size=2)
    made = [envelopes.schema({"type": "string", "version": number}) for number in range(5)]
    assert [schema.version for schema in made if schema is not None] == [0, 1, 2, 3, 4]
    assert envelopes.schema({"type": "string", "version": 0}) == made[0]
    assert len(envelopes._schemas) <= 2


def test_a_schema_that_is_none_is_refused_each_time() -> None:
    envelopes = make_envelopes()
    for _ in range(2):
        with pytest.raises(DataError):
            envelopes.schema({"type": "uuid"})
    assert envelopes.schema({"type": "string"}) == STRING


def test_an_envelope_is_an_object_of_schema_and_payload_and_nothing_more() -> None:
    assert opened(HEAD + b"5}") == ({"type": "int32", "optional": False}, 5)
    assert opened(b'{"payload": null, "schema": null}') == (None, None)
    for message in (b"", b"  ", b"5", b"[]", b'{"schema":null}', b'{"schema":null,"payload":1,"x":2}'):
        assert opened(message) is None
    with pytest.raises(ValueError, match=r"."):
        opened(b'{"schema":')
