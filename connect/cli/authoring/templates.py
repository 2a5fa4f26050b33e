"""The files of a new plugin, as text: one working example in the short form, or in the form of classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from connect.api import VERSION
from connect.cli.authoring.names import Names

STRING_CONVERTER: Final = "org.apache.kafka.connect.storage.StringConverter"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new plugin is to be.

    Attributes:
        classes: As classes, in place of the short form; a converter is always one.
        year: For the licence.
    """

    kind: str
    names: Names
    licence: str
    author: str
    classes: bool
    year: int


def files_of(wanted: Wanted) -> dict[str, str]:
    """Return the files of a distribution, by their paths in its folder."""
    names = wanted.names
    classes = wanted.classes or wanted.kind == "converter"
    form = f"{wanted.kind} class" if classes else wanted.kind
    words = {
        "name": names.name,
        "distribution": names.distribution,
        "package": names.package,
        "function": names.function,
        "cls": names.cls,
        "title": names.title,
        "kind": wanted.kind,
        "api": VERSION,
        "author": wanted.author,
        "author_text": json.dumps(wanted.author),  # JSON's texts are TOML's
        "year": str(wanted.year),
        "licence": "LicenseRef-Proprietary" if wanted.licence == "none" else wanted.licence,
        "licence_files": "" if wanted.licence == "none" else '\nlicense-files = ["LICENSE"]',
        "licence_words": "All rights reserved." if wanted.licence == "none" else f"Licence: {wanted.licence}.",
        "config_class": f"{names.cls}{_CLASS_OF[wanted.kind]}" if classes else names.function,
    }
    words["keys"] = _KEYS[wanted.kind]
    found = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        ".gitignore": _GITIGNORE,
        ".github/workflows/test.yml": _CI,
        f"src/{names.package}/__init__.py": _CODE[form],
        f"src/{names.package}/py.typed": "",
        f"tests/test_{names.function}.py": _TESTS[form],
    }
    texts = {path: Template(text).substitute(words) for path, text in found.items()}
    if wanted.licence != "none":
        text = Path(__file__).with_name("licences").joinpath(f"{wanted.licence}.txt").read_text("utf-8")
        texts["LICENSE"] = Template(text).safe_substitute(words) if wanted.licence != "Apache-2.0" else text
    texts[f"examples/{names.name}.json"] = json.dumps(_example(wanted, words), indent=2) + "\n"
    return texts


def _example(wanted: Wanted, words: Mapping[str, str]) -> dict[str, str]:
    """Return a connector's config that runs the plugin."""
    name, cls = words["name"], words["config_class"]
    lines = {"connector.class": "FileStreamSource", "file": "README.md", "topic": name}
    if wanted.kind == "source":
        return {"name": name, "connector.class": cls, "topic": name, "value.converter": STRING_CONVERTER}
    if wanted.kind == "sink":
        text = {"topics": name, "value.converter": STRING_CONVERTER}
        return {"name": name, "connector.class": cls, "out": f"{name}.txt", **text}
    if wanted.kind == "transform":
        own = {"transforms": name, f"transforms.{name}.type": cls}
        return {"name": name, **lines, "value.converter": STRING_CONVERTER, **own}
    return {"name": name, **lines, "value.converter": f"{words['package']}.{cls}"}


_CLASS_OF: Final = {"source": "Source", "sink": "Sink", "transform": "", "converter": "Converter"}
#: What the README says of the keys.
_KEYS: Final = {
    "source": "| `topic` | Topic to write to. |\n| `count` | How many records in all. |",
    "sink": "| `out` | File to append to. |",
    "transform": "| `mark` | What is put behind each text. |",
    "converter": "| `encoding` | Encoding of the text. |",
}

_PYPROJECT: Final = """\
[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "$title: a $kind for Connect."
readme = "README.md"
requires-python = ">=3.11"
license = "$licence"$licence_files
authors = [{ name = $author_text }]
dependencies = ["connect-runtime"]

[project.optional-dependencies]
test = ["mypy>=1.13", "pytest>=8.4"]

[project.entry-points.connect]
$name = "$package"

[tool.hatch.build.targets.wheel]
packages = ["src/$package"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]

[tool.mypy]
strict = true
mypy_path = "src"
packages = ["$package"]
"""

_README: Final = """\
# $distribution

$title: a $kind for Connect.

```console
$$ pip install $distribution
$$ connect worker examples/$name.json
```

| key | meaning |
|---|---|
$keys

`connect plugin docs $name` prints all of it as a page.

## Work on it

```console
$$ pip install -e '.[test]'
$$ connect plugin test
$$ connect plugin check
```

A worker that runs takes what has changed with `connect plugin refresh`.

$licence_words
"""

_GITIGNORE: Final = """\
*.egg-info/
*.pyc
.mypy_cache/
.pytest_cache/
.venv/
__pycache__/
build/
connect-data/
dist/
"""

_CI: Final = """\
name: test
on: [push, pull_request]
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    strategy:
      matrix:
        python-version: ["3.11", "3.12", "3.13", "3.14"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: $${{ matrix.python-version }}
      - run: pip install -e '.[test]'
      - run: connect plugin check
      - run: connect plugin test
"""

_CODE: Final = {
    "source": '''\
"""$title: a source for Connect."""

from collections.abc import Iterator

from connect.api import resume, source

__connect_api__ = "$api"


@source
def $function(topic: str, count: int = 10) -> Iterator[tuple[str, int]]:
    """Give numbered texts: put what you read in their place.

    Args:
        topic: Topic to write to.
        count: How many records in all.
    """
    for n in range(resume(0), count):
        yield f"$name {n + 1}", n + 1  # the record, and where to go on behind it
''',
    "source class": '''\
"""$title: a source for Connect."""

from connect.api import Config, ConfigError, Connector, Record, SourceConnector, SourceTask, config_key, hookimpl

__connect_api__ = "$api"

#: Names what is read; offsets are kept by it.
PARTITION = {"name": "$name"}


class ${cls}Config(Config):
    """Where to, and how many."""

    topic: str = config_key("Topic to write to.", importance="high")
    count: int = config_key("How many records in all.", default=10, ge=0)


class ${cls}Task(SourceTask[${cls}Config]):
    """Gives numbered texts: put what you read in their place."""

    def start(self) -> None:
        n = (self.context.offset(PARTITION) or {"n": 0}).get("n")
        if not isinstance(n, int):  # users may set offsets
            raise ConfigError(f"the offset of {PARTITION} has no number n, and so is none of this source")
        self.n = n

    def poll(self) -> Record | None:
        if self.n >= self.config.count:
            return None
        self.n += 1
        return Record(
            self.config.topic, f"$name {self.n}", source_partition=PARTITION, source_offset={"n": self.n}
        )


class ${cls}Source(SourceConnector[${cls}Config]):
    """Gives numbered texts, by one task."""

    task_class = ${cls}Task


@hookimpl
def connect_connectors() -> list[type[Connector]]:
    """Give Connect the plugin's classes."""
    return [${cls}Source]
''',
    "sink": '''\
"""$title: a sink for Connect."""

import os
from typing import Annotated

from connect.api import Record, config_key, open_path, sink

__connect_api__ = "$api"

APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


@sink
def $function(records: list[Record], out: Annotated[str, config_key("File to append to.", file="write")]) -> None:
    """Append each value to a file: write to your target in its place."""
    with os.fdopen(open_path(out, APPEND), "a", errors="backslashreplace") as file:
        file.writelines(f"{record.value}\\n" for record in records)
''',
    "sink class": '''\
"""$title: a sink for Connect."""

import os

from connect.api import Config, Connector, Record, SinkConnector, SinkTask, config_key, hookimpl, open_path

__connect_api__ = "$api"

APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class ${cls}Config(Config):
    """Where to."""

    out: str = config_key("File to append to.", importance="high", file="write")


class ${cls}Task(SinkTask[${cls}Config]):
    """Appends each value to a file: write to your target in its place."""

    def put(self, records: list[Record]) -> None:
        with os.fdopen(open_path(self.config.out, APPEND), "a", errors="backslashreplace") as file:
            file.writelines(f"{record.value}\\n" for record in records)


class ${cls}Sink(SinkConnector[${cls}Config]):
    """Appends each value to a file, by as many tasks as tasks.max allows."""

    task_class = ${cls}Task


@hookimpl
def connect_connectors() -> list[type[Connector]]:
    """Give Connect the plugin's classes."""
    return [${cls}Sink]
''',
    "transform": '''\
"""$title: a transform for Connect."""

from connect.api import Record, transform

__connect_api__ = "$api"


@transform
def $function(record: Record, mark: str = "!") -> Record | None:
    """Make text loud: change records in your way in its place.

    Args:
        mark: What is put behind each text.
    """
    if not isinstance(record.value, str):
        return record  # never changed in place: what needs no change is returned as it is
    return record.replace(value=record.value.upper() + mark)
''',
    "transform class": '''\
"""$title: a transform for Connect."""

from connect.api import Config, Record, Transform, config_key, hookimpl

__connect_api__ = "$api"


class ${cls}Config(Config):
    """How loud."""

    mark: str = config_key("What is put behind each text.", default="!")


class $cls(Transform[${cls}Config]):
    """Makes text loud: change records in your way in its place."""

    def apply(self, record: Record) -> Record | None:
        if not isinstance(record.value, str):
            return record  # never changed in place: what needs no change is returned as it is
        return record.replace(value=record.value.upper() + self.config.mark)


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    """Give Connect the plugin's classes."""
    return [$cls]
''',
    "converter class": '''\
"""$title: a converter for Connect."""

from connect.api import Config, Converter, DataError, Schema, config_key, hookimpl

__connect_api__ = "$api"


class ${cls}Config(Config):
    """How text is written."""

    encoding: str = config_key("Encoding of the text.", default="utf-8", one_of=("utf-8", "utf-16-le", "latin-1"))


class ${cls}Converter(Converter[${cls}Config]):
    """Writes text in an encoding, and reads it back: put your format in its place."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: object) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise DataError(f"a {type(value).__name__} is no text, which is all that this converter writes")
        try:
            return value.encode(self.config.encoding)
        except UnicodeEncodeError as error:
            raise DataError(f"the text has a sign that {self.config.encoding} has not: {error.reason}") from error

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, str | None]:
        if data is None:
            return None, None
        try:
            return None, data.decode(self.config.encoding)
        except UnicodeDecodeError as error:
            raise DataError(f"the bytes are no {self.config.encoding}: {error.reason}") from error


@hookimpl
def connect_converters() -> list[type[Converter]]:
    """Give Connect the plugin's classes."""
    return [${cls}Converter]
''',
}

_SOURCE_TESTS: Final = '''\
from typing import ClassVar

from connect.testing import SourceHarness
from connect.testing.suites import SourceSuite

from $package import $config_class


def test_it_gives_as_many_as_it_was_asked_for() -> None:
    with SourceHarness($config_class, {"topic": "t", "count": "3"}) as source:
        assert [record.value for record in source.drain()] == [f"$name {n}" for n in (1, 2, 3)]


def test_it_goes_on_behind_what_was_committed() -> None:
    with SourceHarness($config_class, {"topic": "t", "count": "3"}) as source:
        source.drain()
        source.commit()
        source.restart()
        assert source.drain() == []


class TestCertificate(SourceSuite):
    """Checks of all that a source promises, crashes among them: docs/reference/certificate.md of Connect."""

    connector = $config_class
    config: ClassVar[dict[str, str]] = {"topic": "t", "count": "100"}
'''
_SINK_TESTS: Final = '''\
from pathlib import Path

from connect.api import Record
from connect.testing import SinkHarness
from connect.testing.suites import SinkSuite

from $package import $config_class


def test_it_writes_a_line_for_each_value(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with SinkHarness($config_class, {"out": str(out)}) as sink:
        sink.put("a", "b")
        assert sink.flush() == {("topic", 0): 2}
    assert out.read_text() == "a\\nb\\n"


def test_it_appends_to_what_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("before\\n")
    with SinkHarness($config_class, {"out": str(out)}) as sink:
        sink.put("after")
    assert out.read_text() == "before\\nafter\\n"


class TestCertificate(SinkSuite):
    """Checks of all that a sink promises, crashes among them: docs/reference/certificate.md of Connect."""

    connector = $config_class

    def make_config(self, folder: Path) -> dict[str, str]:
        return {"out": str(folder / "out.txt")}

    def read(self, folder: Path) -> list[str]:
        out = folder / "out.txt"
        return out.read_text().splitlines() if out.exists() else []

    def as_read(self, record: Record) -> str:
        return f"{record.value}"
'''
_TRANSFORM_TESTS: Final = '''\
from connect.testing import transformed
from connect.testing.suites import TransformSuite

from $package import $config_class


def test_text_becomes_loud() -> None:
    assert [record.value for record in transformed($config_class, {"mark": "?"}, "a", "b")] == ["A?", "B?"]


def test_what_is_no_text_stays_as_it_is() -> None:
    assert [record.value for record in transformed($config_class, {}, {"id": 1}, None)] == [{"id": 1}, None]


class TestCertificate(TransformSuite):
    """Checks of all that a transform promises: docs/reference/certificate.md of Connect."""

    transform = $config_class
'''
_CONVERTER_TESTS: Final = '''\
import pytest
from connect.api import DataError
from connect.testing.suites import ConverterSuite

from $package import $config_class


def converter(**config: str) -> $config_class:
    made = $config_class()
    made.configure($config_class.config_class.parse(config))
    return made


def test_text_comes_back_as_it_was() -> None:
    made = converter(encoding="latin-1")
    data = made.from_connect_data("t", None, "caf\\u00e9")
    assert data == b"caf\\xe9"
    assert made.to_connect_data("t", data) == (None, "caf\\u00e9")


def test_null_is_null_both_ways() -> None:
    assert converter().from_connect_data("t", None, None) is None
    assert converter().to_connect_data("t", None) == (None, None)


def test_bytes_that_are_no_text_are_an_error_of_the_record() -> None:
    with pytest.raises(DataError, match="no utf-8"):
        converter().to_connect_data("t", b"\\xff")


class TestCertificate(ConverterSuite):
    """Checks of all that a converter promises: docs/reference/certificate.md of Connect."""

    converter = $config_class
'''
_TESTS: Final = {
    "source": _SOURCE_TESTS,
    "source class": _SOURCE_TESTS,
    "sink": _SINK_TESTS,
    "sink class": _SINK_TESTS,
    "transform": _TRANSFORM_TESTS,
    "transform class": _TRANSFORM_TESTS,
    "converter class": _CONVERTER_TESTS,
}
