"""Crashes for the suites: a plugin under test in a worker of its own that is killed, and the books of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from connect.api import Plugin, Record
from connect.runtime.model import PluginKind
from connect.testing.crash import CallTarget, CrashTest, LogTarget, Mark, Report, Seen, at_await, at_call
from connect.testing.harness.sources import partition_text
from connect.testing.harness.workers import Worker

#: Where a worker with a source is killed, in this order and round again: behind and in front of what it promises by.
#: Behind comes first, since that finds most: what was committed too early, and what is not heeded of it.
AT_LEAST_ONCE: Final[Sequence[Mark]] = (
    at_call("offsets", 1, "after"),
    at_call("append", 1, "after"),
    at_call("offsets", 1, "before"),
    at_await(40, chooses=True),
    at_call("append", 1, "before"),
)
EXACTLY_ONCE: Final[Sequence[Mark]] = (
    at_call("commit_transaction", 1, "after"),
    at_call("append", 1, "after"),
    at_call("commit_transaction", 1, "before"),
    at_await(60, chooses=True),
    at_call("append", 1, "before"),
)
#: Where a worker with a sink is killed: around what it is given, and around what it promised of that.
SINK: Final[Sequence[Mark]] = (
    at_call("commit", 1, "before"),
    at_call("commit", 1, "after"),
    at_call("poll", 2, "after"),
    at_await(60, chooses=True),
    at_call("poll", 4, "before"),
)
#: So many records are in the topic for each kill and the end, so few are fetched at a time, and they are put so slowly
#: that no worker comes to their end before its mark.
_RECORDS: Final = 40
_FETCH_BYTES: Final = 1000
_JSON: Final = "org.apache.kafka.connect.json.JsonConverter"
#: How long a mark may take, and how long nothing may arrive in the end, in seconds.
_DEADLINE_S: Final = 10.0
#: What has given everything, and gives nothing for so long, comes to no further mark, in seconds.
_QUIET_S: Final = 3.0
_NAME: Final = "certified"


def module_of(plugin: type[Plugin]) -> tuple[str, str]:
    """Return by which module and name another process finds a class.

    Raises:
        ValueError: The class is not at the top of its module.
    """
    module, name = plugin.__module__, plugin.__qualname__
    if "." in name:
        raise ValueError(
            f"{name} is made within a function or class; a worker of its own finds it at the top of a module"
        )
    return module, name


def plugin_folder(folder: Path, plugin: type[Plugin]) -> Path:
    """Make a folder for `plugin.path` with a module that registers a class of the test's process, and return it.

    Raises:
        ValueError: As `module_of`.
    """
    module, name = module_of(plugin)
    file = getattr(sys.modules[module], "__file__", None)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{_NAME}_plugin.py").write_text(
        f'''"""Registers {name} of {module}, as the test's process has it."""

import importlib.util
import sys

from connect.api import SinkConnector, SourceConnector, Transform, hookimpl

sys.path.extend(entry for entry in {sys.path!r} if entry not in sys.path)
try:
    module = importlib.import_module({module!r})
except ModuleNotFoundError as error:
    if {file is None} or not {module + "."!r}.startswith(f"{{error.name}}."):
        raise  # what the module needs is not here
    spec = importlib.util.spec_from_file_location({module!r}, {file!r})
    module = importlib.util.module_from_spec(spec)
    sys.modules[{module!r}] = module
    spec.loader.exec_module(module)
plugin = getattr(module, {name!r})


@hookimpl
def connect_connectors():
    return [plugin] if issubclass(plugin, (SourceConnector, SinkConnector)) else []


@hookimpl
def connect_transforms():
    return [plugin] if issubclass(plugin, Transform) else []
'''
    )
    return folder


class SourceBooks:
    """What a source gives in all, as its topics hold it: the model that a crashed run is compared with.

    Args:
        records: All of it, in the order of the source.
        values: What a worker made of it, by topic, in the order of each topic.
    """

    def __init__(self, records: Sequence[Record], values: Mapping[str, Sequence[bytes | None]]) -> None:
        self.topics = list(dict.fromkeys(record.topic for record in records))
        self._written: list[Seen] = []
        #: Of each topic and value, the records that are it, in order.
        self._known: dict[tuple[str, bytes | None], list[Seen]] = {}
        numbers: Counter[str] = Counter()
        for topic in self.topics:
            own = [record for record in records if record.topic == topic]
            for record, value in zip(own, values[topic], strict=True):
                key = f"{topic} {partition_text(record.source_partition or {})}"
                seen = Seen(key, numbers[key])
                numbers[key] += 1
                self._written.append(seen)
                self._known.setdefault((topic, value), []).append(seen)

    def seen(self, topics: Mapping[str, Iterable[bytes | None]]) -> list[Seen]:
        """Return which records values are: one that is there once more than it was given is its last one again."""
        found: list[Seen] = []
        for topic, values in topics.items():
            counts: Counter[bytes | None] = Counter()
            for value in values:
                known = self._known.get((topic, value))
                if known is None:
                    found.append(Seen(f"{topic} (never given)", len(found)))
                else:
                    found.append(known[min(counts[value], len(known) - 1)])
                    counts[value] += 1
        return found

    # -- as an upstream of the crash kit -----------------------------------------------------------------------------

    def write(self, count: int) -> None:
        """Do nothing: the source has what it has."""

    def written(self) -> Sequence[Seen]:
        """Return everything."""
        return self._written

    def finish(self, url: str) -> None:
        """Do nothing: there is an end."""


def source_books(plugin: Any, config: Mapping[str, str], records: Sequence[Record]) -> SourceBooks:
    """Run a source in a worker that nobody kills, and return the books of what came.

    Raises:
        AssertionError: What came is not as many records as the source gives by itself.
    """
    counts = Counter(record.topic for record in records)
    with Worker(plugins=[plugin]) as worker:
        worker.run(_NAME, {"connector.class": plugin.plugin_name(), **config})
        for topic, count in counts.items():
            worker.wait_for(topic, count)
        values = {topic: [record.value for record in worker.read(topic)] for topic in counts}
    for topic, count in counts.items():
        assert len(values[topic]) == count, f"{topic} has {len(values[topic])} records in a worker; expected {count}"
    return SourceBooks(records, values)


def crashed_source(
    folder: Path, plugin: Any, config: Mapping[str, str], books: SourceBooks, *, kills: int, exactly_once: bool
) -> Report:
    """Run a source in a worker that is killed `kills` times, and return what became of its records."""
    folder.mkdir(parents=True)
    data = folder / "data"
    targets = {topic: LogTarget(data, topic) for topic in books.topics}
    test = CrashTest(
        folder,
        connectors={
            _NAME: {
                "connector.class": plugin.plugin_name(),
                **config,
                "transforms": "slow",
                "transforms.slow.type": "crash_kit.Slow",
            }
        },
        upstream=books,
        target=CallTarget(
            lambda: books.seen({topic: target.values() for topic, target in targets.items()}),
            lambda: sum(target.count() for target in targets.values()),
        ),
        kills=kills,
        marks=EXACTLY_ONCE if exactly_once else AT_LEAST_ONCE,
        in_order=True,
        worker={
            "key.converter.schemas.enable": "false",
            "value.converter.schemas.enable": "false",
            **({"exactly.once.source.support": "enabled"} if exactly_once else {}),
        },
        plugin_path=[plugin_folder(folder / "plugins", plugin)],
        deadline_s=_DEADLINE_S,
        quiet_s=_QUIET_S,
    )
    return test.run()


class SinkBooks:
    """What a sink is given in all, and as what its target shows it: the model that a crashed run is compared with.

    Args:
        shown: What the target shows of each record, in their order.
        is_ordered: The target shows them in the order in which they were put.
    """

    def __init__(self, shown: Sequence[Any], *, is_ordered: bool) -> None:
        self._written = [Seen("put", n) if is_ordered else Seen(f"put {n}", 0) for n in range(len(shown))]
        self._known = {repr(one): seen for one, seen in zip(shown, self._written, strict=True)}
        assert len(self._known) == len(shown), "two records of the suite look alike in the target"

    def seen(self, found: Iterable[Any]) -> list[Seen]:
        """Return which records the target shows."""
        return [self._known.get(repr(one), Seen(f"(never put: {one!r:.60})", 0)) for one in found]

    # -- as an upstream of the crash kit -----------------------------------------------------------------------------

    def write(self, count: int) -> None:
        """Do nothing: the topic has what it has."""

    def written(self) -> Sequence[Seen]:
        """Return everything."""
        return self._written

    def finish(self, url: str) -> None:
        """Do nothing: there is an end."""


def crashed_sink(
    folder: Path,
    plugin: Any,
    config: Mapping[str, str],
    make_record: Callable[[int], Record],
    as_read: Callable[[Record], Any],
    read: Callable[[], Sequence[Any]],
    *,
    kills: int,
    is_ordered: bool,
) -> Report:
    """Have a worker with a sink put a topic of records and be killed `kills` times; return what became of them."""
    plugins = plugin_folder(folder / "plugins", plugin)
    records = [make_record(number) for number in range(_RECORDS * (kills + 1))]
    books = SinkBooks([as_read(record) for record in records], is_ordered=is_ordered)
    fill_topics(folder / "data", records)
    test = CrashTest(
        folder,
        connectors={
            _NAME: {
                "connector.class": plugin.plugin_name(),
                "topics": ",".join(dict.fromkeys(record.topic for record in records)),
                **json_with_schemas(),
                **config,
                "consumer.override.fetch.max.bytes": str(_FETCH_BYTES),
                "transforms": "slow",
                "transforms.slow.type": "crash_kit.Slow",
            }
        },
        upstream=books,
        target=CallTarget(lambda: books.seen(read())),
        kills=kills,
        marks=SINK,
        in_order=True,
        plugin_path=[plugins],
        deadline_s=_DEADLINE_S,
        quiet_s=_QUIET_S,
    )
    return test.run()


def fill_topics(data: Path, records: Sequence[Record]) -> None:
    """Make a log in `data` with the records in their topics, as JSON with schemas."""
    data.mkdir(parents=True)
    with Worker(data) as worker:
        made = []
        for is_key in (True, False):
            converter: Any = worker.herder.plugins.resolve(_JSON, PluginKind.CONVERTER).cls()
            converter.is_key = is_key
            converter.configure(converter.config_class.parse({"schemas.enable": "true"}))
            made.append(converter)
        keys, values = made
        for record in records:
            key = keys.from_connect_data(record.topic, record.key_schema, record.key)
            value = values.from_connect_data(record.topic, record.value_schema, record.value)
            worker.write(record.topic, value, key=key, partition=record.partition or 0)


def json_with_schemas() -> dict[str, str]:
    """Return the keys of a connector whose topics are JSON that says its schemas."""
    found: dict[str, str] = {}
    for part in ("key", "value"):
        found |= {f"{part}.converter": _JSON, f"{part}.converter.schemas.enable": "true"}
    return found
