"""A plugin's author runs mypy or pyright: code is typed by the config in brackets, without an `Any` in between."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mypy_cache import mypy_cache

PLUGIN = """
from collections.abc import AsyncIterator, Generator, Sequence

from connect.api import Batch, Config, Connector, Predicate, Record, SinkConnector, SinkTask, SourceConnector
from connect.api import SourceTask, Converter, Schema, SchemaType, Transform, config_key, hookimpl
from connect.api import resume, sink, source, transform
from connect.api.java import java_text
from connect.api.values import infer_schema


class TickConfig(Config):
    topic: str = config_key("Topic to write to.", importance="high")
    count: int = config_key("How many ticks in all.", default=10)


class TickTask(SourceTask[TickConfig]):
    def start(self) -> None:
        self.n: int = (self.context.offset({"clock": "tick"}) or {"n": 0})["n"]

    def poll(self) -> Record | None:
        if self.n >= self.config.count:
            return None
        self.n += 1
        return Record(self.config.topic, self.n, source_partition={"clock": "tick"}, source_offset={"n": self.n})


class TickSource(SourceConnector[TickConfig]):
    task_class = TickTask

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        self.context.log.info("%s: %d", self.context.name, self.config.count)
        return super_configs(self.config, max_tasks)


def super_configs(config: TickConfig, count: int) -> list[dict[str, str]]:
    return [{"topic": config.topic} for _ in range(count)]


class Collect(SinkTask):
    config_class = TickConfig

    def put(self, records: list[Record]) -> None:
        self.context.request_commit()


class CollectSink(SinkConnector):
    config_class = TickConfig
    task_class = Collect


class Shout(Transform[TickConfig]):
    def apply_batch(self, batch: Batch) -> Batch:
        return batch.replace(topic=self.config.topic, values=[java_text(value).upper() for value in batch.values])


class Long(Predicate[TickConfig]):
    def test(self, record: Record) -> bool:
        return infer_schema(record.value) == Schema(SchemaType.INT64) and self.config.count > 1


class Plain(Converter):
    def from_connect_data(self, topic: str, schema: Schema | None, value: object) -> bytes | None:
        return None if value is None else str(value).encode()


@source
async def pages(topic: str, size: int = 10) -> AsyncIterator[tuple[str, int]]:
    for n in range(resume(0), size):
        yield f"page {n}", n + 1


@sink(aliases=("org.example.LinesSink",))
def lines(path: str) -> Generator[None, list[Record], None]:
    while True:
        for record in (yield):
            print(path, record.value)


@transform
def loud(record: Record, mark: str = "!") -> Record | None:
    return record.replace(value=f"{record.value}{mark}")


louder: Record | None = loud.function(Record("t", 1))


@hookimpl
def connect_connectors() -> Sequence[type[Connector]]:
    return [TickSource, CollectSink, pages, lines]


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    return [Shout, loud]
"""
#: By what an author may get wrong: what is replaced, with what, and the words of mypy.
MISTAKES = {
    "a key that there is not": (
        "self.n >= self.config.count",
        "self.n >= self.config.counts",
        'has no attribute "counts"',
    ),
    "a key of another type": ("Record(self.config.topic,", "Record(self.config.count,", 'expected "str"'),
    "a method that a context has not": (
        "self.context.request_commit()",
        "self.context.offset({})",
        '"SinkTaskContext"',
    ),
    "a third field without its name": ("self.n, source_partition=", "self.n, None, source_partition=", "positional"),
    "a key where the config is not in brackets": (
        "        self.context.request",
        "        self.config.topic\n        self.context.request",
        '"Config" has no attribute "topic"',
    ),
    "a name that is not public": (
        "from connect.api.values import infer_schema",
        "from connect.api import key\nfrom connect.api.values import infer_schema",
        'has no attribute "key"',
    ),
}


def _mypy(folder: Path, *sources: str) -> str:
    for number, source in enumerate(sources):
        (folder / f"plugin_{number}.py").write_text(source)
    files = [f"plugin_{number}.py" for number in range(len(sources))]
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", mypy_cache("outside")]
    # In a folder that is not the project's: what it knows of connect.api it has from the installed package.
    found = subprocess.run([*command, *files], cwd=folder, capture_output=True, text=True, timeout=170, check=False)
    assert not found.stderr, found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What mypy says of the plugin as it is, and of each mistake, in one run: it reads the API once."""
    sources = {"": PLUGIN}
    for mistake, (right, wrong, _) in MISTAKES.items():
        assert PLUGIN.count(right) == 1, right
        sources[mistake] = PLUGIN.replace(right, wrong)
    said = _mypy(tmp_path_factory.mktemp("outside"), *sources.values())
    lines = re.findall(r"^plugin_(\d+)\.py:\d+: error: (.*)$", said, re.MULTILINE)
    assert said.count(": error: ") == len(lines), said
    return {
        mistake: "\n".join(text for found, text in lines if int(found) == number)
        for number, mistake in enumerate(sources)
    }


def test_a_plugin_is_typed_without_an_error(verdicts: dict[str, str]) -> None:
    assert verdicts[""] == ""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_once_in_words_that_name_it(verdicts: dict[str, str], mistake: str) -> None:
    assert MISTAKES[mistake][2] in verdicts[mistake]
    assert verdicts[mistake].count("\n") == 0


#: How the mistakes are told by pyright, where its words are others.
PYRIGHT = {
    "a key that there is not": 'attribute "counts"',
    "a key of another type": '"int" cannot be assigned',
    "a method that a context has not": 'attribute "offset" for class "SinkTaskContext"',
    "a third field without its name": "positional",
    "a key where the config is not in brackets": 'attribute "topic" for class "Config"',
    "a name that is not public": '"key" is unknown import symbol',
}


def _pyright() -> str:
    """Return the command: of this environment, or another one on the path."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("pyright", path=places) or shutil.which("basedpyright", path=places)
    if found is None:
        pytest.skip("neither pyright nor basedpyright is installed: pip install basedpyright, which brings node")
    return found


@pytest.mark.slow
def test_pyright_says_the_same_of_the_plugin_and_of_each_mistake(tmp_path: Path) -> None:
    assert PYRIGHT.keys() == MISTAKES.keys()
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    (tmp_path / "plugin.py").write_text(PLUGIN)
    for number, (right, wrong, _) in enumerate(MISTAKES.values()):
        (tmp_path / f"mistake_{number}.py").write_text(PLUGIN.replace(right, wrong))
    command = [_pyright(), "--outputjson", "--level", "error", "--pythonpath", sys.executable, "."]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=170, check=False)
    told: dict[str, list[str]] = {}
    for one in json.loads(said.stdout)["generalDiagnostics"]:
        told.setdefault(Path(one["file"]).stem, []).append(one["message"])
    assert told.pop("plugin", []) == []
    for number, mistake in enumerate(MISTAKES):
        assert any(PYRIGHT[mistake] in message for message in told[f"mistake_{number}"]), (mistake, told)
