"""Values that the examples of several declarations share."""

from __future__ import annotations

from typing import Any, Final

NAME: Final = "orders-source"
WORKER: Final = "127.0.0.1:8083"
CONFIG: Final[dict[str, Any]] = {
    "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
    "tasks.max": "1",
    "file": "/var/lib/orders/orders.jsonl",
    "topic": "orders",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
}
NAMED_CONFIG: Final[dict[str, Any]] = {**CONFIG, "name": NAME}
