"""The keys of source offsets, to the byte as Kafka Connect's own converter writes them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from connect.stores.offsets import key_of
from tests.support.kafka import decode_base64, lab, run_java

pytestmark = pytest.mark.kafka

KNOWN: list[tuple[str, dict[str, Any]]] = [
    ("file", {"filename": "/tmp/in.txt"}),
    ("jdbc", {"table": "public.orders", "protocol": "1"}),
    ("debezium", {"server": "shop", "database": "orders"}),
    ("mirror", {"cluster": "a", "topic": "t", "partition": 3}),
    ("nothing", {}),
    ("of all kinds", {"null": None, "true": True, "int": -5, "long": 1 << 62, "double": 1.0e10, "small": 0.1}),
    ('"odd" / \\ ü € 😀 \x7f \u2028', {"\t": "\b\f\n\r\t\x00\x1f\x1b", "\\u001f": "\\u001f", "😀": "</script>"}),
    ("one bucket: Aa and BB have one hash code", {"BB": 1, "Aa": 2, "C#": 3}),
]


@pytest.mark.slow
def test_keys_are_those_of_kafka_connect(kafka: None) -> None:
    rng = random.Random(7)
    names = [f"{rng.choice(['col', 'id', 'größe', 'X', 'part.'])}{rng.randrange(10_000)}" for _ in range(200)]
    grown = [(f"c{count}", dict.fromkeys(rng.sample(names, count), count)) for count in range(2, 60)]
    cases = KNOWN + grown
    answers = run_java(*lab("OffsetKeyLab"), stdin="".join(json.dumps(case) + "\n" for case in cases)).splitlines()
    assert len(answers) == len(cases)
    for (connector, partition), answer in zip(cases, answers, strict=True):
        assert key_of(connector, partition) == decode_base64(answer)
