from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connect.api import ConfigError, NotFoundError, SourceConnector, SourceTask, Transform, hookimpl
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost


class TickTask(SourceTask):
    pass


class TickSourceConnector(SourceConnector):
    class_name = "org.example.TickSourceConnector"
    aliases = ("org.example.old.Ticker",)
    task_class = TickTask


class Shout(Transform):
    pass


def host_with(**hooks: Any) -> PluginHost:
    host = PluginHost()
    host.register(
        SimpleNamespace(**{name: hookimpl(lambda value=value: value) for name, value in hooks.items()}), "example"
    )
    return host


@pytest.mark.parametrize(
    "name", ["org.example.TickSourceConnector", "TickSourceConnector", "TickSource", "org.example.old.Ticker", "Ticker"]
)
def test_a_connector_answers_to_its_class_name_simple_name_and_aliases(name: str) -> None:
    host = host_with(connect_connectors=[TickSourceConnector])
    assert host.resolve(name, PluginKind.SOURCE, PluginKind.SINK).cls is TickSourceConnector


def test_an_unknown_class_is_refused_with_the_nearest_known_one() -> None:
    host = host_with(connect_connectors=[TickSourceConnector])
    with pytest.raises(ConfigError, match="did you mean TickSource") as raised:
        host.resolve("TikSource", PluginKind.SOURCE)
    assert raised.value.code == "config.unknown_class"


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("io.confluent.connect.s3.S3SinkConnector", None),
        ("io.debezium.connector.mysql.MySqlConnector", None),
        ("MongoSource", None),
        ("ElasticsearchSinkConnector", None),
        ("JdbcSinkConector", "JdbcSinkConnector"),
        ("org.apache.kafka.connect.file.FileStreamSourcConnector", "FileStreamSourceConnector"),
        ("PostgresSourceConnector", "PostgresSource"),
    ],
)
def test_a_name_that_shares_its_ends_alone_with_others_is_near_to_none(given: str, near: str | None) -> None:
    found = PluginHost.discover().nearest(given, PluginKind.SOURCE, PluginKind.SINK)
    assert (found and found.rpartition(".")[2]) == near


def test_an_unknown_plugin_of_any_kind_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="Unknown plugin Nope"):
        host_with(connect_transforms=[Shout]).any("Nope")


@pytest.mark.parametrize(
    ("hooks", "cause"),
    [
        ({"connect_connectors": [Shout]}, "no subclass of SourceConnector or SinkConnector"),
        ({"connect_connectors": TickSourceConnector}, "must return a list"),
        ({"connect_transforms": [3]}, "no subclass of Transform"),
        ({}, "registers no hook; expected a function with @source, @sink or @transform"),
        ({"conect_transforms": [Shout]}, "conect_transforms"),
    ],
)
def test_a_plugin_that_declares_nonsense_is_reported_by_name_with_its_cause(hooks: dict[str, Any], cause: str) -> None:
    host = host_with(**hooks)
    assert [broken.name for broken in host.broken] == ["example"]
    assert cause in host.broken[0].cause
    assert host.list() == []


@pytest.mark.parametrize(
    ("hooks", "told"),
    [
        (
            {"connect_connector": []},
            "has @hookimpl above connect_connector, which is no hook; did you mean connect_connectors?",
        ),
        ({"run": []}, "which is no hook; the hooks are connect_connectors, "),
        (
            {"connect_transforms": [Shout()]},
            "connect_transforms returned an instance of Shout; expected the class itself",
        ),
    ],
)
def test_a_slip_of_a_plugins_author_is_told_with_what_is_meant(hooks: dict[str, Any], told: str) -> None:
    assert told in host_with(**hooks).broken[0].cause


def test_a_folder_of_plugin_path_is_read_and_a_broken_module_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "good_tick.py").write_text(
        "from connect.api import Transform, hookimpl\n"
        "class Quiet(Transform):\n    pass\n"
        "@hookimpl\ndef connect_transforms():\n    return [Quiet]\n"
    )
    (tmp_path / "broken_tick.py").write_text("import no_such_module_at_all\n")
    host = PluginHost.discover([tmp_path])
    assert host.find("Quiet", PluginKind.TRANSFORM) is not None
    assert [(b.name, "no_such_module_at_all" in b.cause) for b in host.broken] == [("broken_tick", True)]


def test_short_forms_of_a_module_need_no_hook_and_those_it_only_imports_are_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "shortone.py").write_text(
        "from connect.api import source, sink, transform\n"
        "@source\ndef ones(topic: str): yield 1\n"
        "@sink\ndef away(records): pass\n"
        "@transform\ndef same(record): return record\n"
    )
    package = tmp_path / "shorttwo"
    package.mkdir()
    (package / "inner.py").write_text("from connect.api import source\n@source\ndef twos(topic: str): yield 2\n")
    (package / "__init__.py").write_text(
        "from shortone import ones\nfrom shorttwo.inner import twos\nfrom connect.api import hookimpl\n"
        "@hookimpl\ndef connect_connectors(): return [twos]\n"
    )
    host = PluginHost.discover([tmp_path])
    assert host.broken == []
    found = {d.name: (d.kind, Path(d.origin).name) for d in host.list() if d.name.startswith("short")}
    assert found == {
        "shortone.ones": (PluginKind.SOURCE, "shortone.py"),
        "shortone.away": (PluginKind.SINK, "shortone.py"),
        "shortone.same": (PluginKind.TRANSFORM, "shortone.py"),
        "shorttwo.inner.twos": (PluginKind.SOURCE, "shorttwo"),
    }
    assert host.resolve("ones", PluginKind.SOURCE).name == "shortone.ones"


def test_a_short_form_that_cannot_be_read_leaves_its_plugin_out_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "shortodd.py").write_text("from connect.api import source\n@source\ndef odd(x): yield 1\n")
    (broken,) = [b for b in PluginHost.discover([tmp_path]).broken if b.name == "shortodd"]
    assert "source odd has no annotation for 'x'; write x: str" in broken.cause


def test_a_plugin_path_that_is_no_folder_is_reported(tmp_path: Path) -> None:
    assert "which is no folder" in PluginHost.discover([tmp_path / "none"]).broken[0].cause


def test_the_bundled_plugins_come_through_their_entry_points() -> None:
    host = PluginHost.discover()
    assert host.broken == []
    assert host.find("FileStreamSource", PluginKind.SOURCE) is not None
    assert host.find("org.apache.kafka.connect.transforms.InsertField$Value", PluginKind.TRANSFORM) is not None


def test_a_version_that_no_class_declares_is_that_of_the_distribution(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(VERSIONED)
    host = PluginHost.discover([tmp_path])
    assert host.any("HoistField$Value").cls.version == "4.3.1"  # declared
    assert [host.any(name).cls.version for name in ("mine.Plain", "mine.Own", "mine.Child")] == ["7.1", "9", "7.1"]


VERSIONED = """
from connect.api import Transform, hookimpl
__version__ = "7.1"
class Plain(Transform): pass
class Own(Transform): version = "9"
class Child(Plain): pass
@hookimpl
def connect_transforms(): return [Plain, Own, Child]
"""


def test_an_installed_plugin_has_the_version_of_its_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lite.py").write_text(VERSIONED.replace('__version__ = "7.1"', ""))
    info = tmp_path / "connect_lite-0.3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: connect-lite\nVersion: 0.3.0\n")
    (info / "entry_points.txt").write_text("[connect]\nlite = lite\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    host = PluginHost.discover()
    assert [host.any(name).cls.version for name in ("lite.Plain", "lite.Own", "lite.Child")] == ["0.3.0", "9", "0.3.0"]
