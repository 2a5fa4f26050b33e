from __future__ import annotations

from connect.registry.avro.schema import parse_avro
from connect.registry.schemas import Referred


def test_a_schema_with_what_it_refers_to() -> None:
    inner = Referred("n.A", '{"type":"record","name":"A","namespace":"n","fields":[]}')
    schema = parse_avro('{"type": "array", "items": "n.A"}', [inner], True)
    assert schema.canonical == schema.normalized == '{"type":"array","items":"n.A"}'
    assert schema.inlined.startswith('{"type":"array","items":{"type":"record"')
    other = parse_avro('{"type":"array","items":"int"}', (), True)
    assert "in the old schema" in schema.problems(other, reader_name="old", writer_name="new")[0]
