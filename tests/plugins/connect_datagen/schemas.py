"""Types for tests: of a field 'a', as the connector reads them."""

from __future__ import annotations

import json
import random
from typing import Any

from connect_datagen.avro import AvroType, parse
from connect_datagen.generate import Compiler

COUNT = 200


def field(declared: Any, **properties: Any) -> AvroType:
    """Return the type of a record's field 'a', with `arg.properties` where some are given."""
    beside = {"arg.properties": properties} if properties else {}
    schema = {"type": "record", "name": "r", "fields": [{"name": "a", "type": declared, **beside}]}
    fields = parse(json.dumps(schema)).fields
    assert fields is not None
    return fields["a"]


def drawn(declared: Any, *, first: int = 0, count: int = COUNT, seed: int = 1, **properties: Any) -> list[Any]:
    """Return values of a type, each checked against its schema."""
    avro = field(declared, **properties)
    values = Compiler(random.Random(seed), 50).column(avro)(random.Random(seed), first, count)
    for value in values:
        avro.schema.validate(value)
    assert len(values) == count
    return values
