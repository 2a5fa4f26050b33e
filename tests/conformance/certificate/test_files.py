"""The bundled connectors of files pass the certificate."""

from __future__ import annotations

import base64
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from connect.api import Record, Schema
from connect.testing.suites import SinkSuite, SourceSuite
from connect_file import FileStreamSinkConnector, FileStreamSourceConnector, FolderSinkConnector


class TestFile(SourceSuite):
    connector = FileStreamSourceConnector
    kills = 3

    def make_config(self, folder: Path) -> dict[str, str]:
        file = folder / "in.txt"
        file.write_text("".join(f"line {number}\n" for number in range(60)))
        return {"file": str(file), "topic": "lines", "batch.size": "7"}


class TestFiles(SourceSuite):
    connector = FileStreamSourceConnector
    kills = 3

    def make_config(self, folder: Path) -> dict[str, str]:
        for number in range(3):
            (folder / f"in-{number}.txt").write_text("".join(f"line {number} {line}\n" for line in range(20)))
        return {"files": str(folder / "in-*.txt"), "topic": "lines", "batch.size": "7"}


def in_text(value: Any) -> str:
    """A value as a line of the sink has it."""
    return value if isinstance(value, str) else value.decode() if isinstance(value, bytes) else json.dumps(plain(value))


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value


class LinesSuite(SinkSuite):
    """Of the sink that appends to a file."""

    connector = FileStreamSinkConnector
    kills = 4

    def make_config(self, folder: Path) -> dict[str, str]:
        return {"file": str(folder / "out.txt")}

    def read(self, folder: Path) -> list[Any]:
        out = folder / "out.txt"
        return out.read_bytes().split(b"\n")[:-1] if out.exists() else []

    def as_read(self, record: Record) -> Any:
        return in_text(record.value).encode()

    def bad_record(self) -> Record | None:
        return Record(self.topic, {"a": object()}, key="bad")


class TestFileSink(LinesSuite):
    def typed_record(self, schema: Schema | None, value: Any) -> Record:
        """In an object, since a text with a line end, and bytes with one, are lines of their own."""
        return Record(self.topic, {"f": value}, key="key")

    def as_read(self, record: Record) -> Any:
        value = record.value
        is_typed = isinstance(value, dict) and value.keys() == {"f"}
        return as_json(value["f"]) if is_typed else in_text(value).encode()

    def read(self, folder: Path) -> list[Any]:
        lines = super().read(folder)
        return [as_json(json.loads(line)["f"]) if line.startswith(b'{"f":') else line for line in lines]


def as_json(value: Any) -> str:
    """What JSON holds of a value of a field, dates without the form of their zone."""
    text = json.dumps(plain(value))
    return text.replace("+00:00", "Z")


class TestFolderSink(SinkSuite):
    connector = FolderSinkConnector
    kills = 4
    is_idempotent = True
    large = 150

    def as_read(self, record: Record) -> Any:
        return json.loads(json.dumps(plain(record.value)))

    def make_config(self, folder: Path) -> dict[str, str]:
        (folder / "out").mkdir(exist_ok=True)
        return {"folder": str(folder / "out"), "flush.size": "1"}

    def read(self, folder: Path) -> list[Any]:
        out = folder / "out"
        files = [path for path in out.rglob("*.json") if not str(path.relative_to(out)).startswith(".")]
        found = []
        for path in sorted(files, key=lambda path: int(path.stem.rpartition("+")[2])):
            found += [json.loads(line) for line in path.read_text().splitlines()]
        return found
