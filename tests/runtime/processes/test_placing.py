from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from connect.api import ConfigError, Transform
from connect.runtime.model import PluginKind
from connect.runtime.plugin_sources import add_to_path
from connect.runtime.plugins import PluginDesc
from connect.runtime.processes.placing import placed, process_settings, python_path
from connect.runtime.processes.process import PluginProcess
from connect.runtime.processes.settings import ProcessSettings
from connect.runtime.processes.stand_ins import launch_of
from connect.runtime.worker_config import WorkerConfig
from tests.support.process_plugins import CountSource

DESC = PluginDesc(CountSource, PluginKind.SOURCE, "here", "counts")


def test_a_plugin_runs_in_the_workers_process_unless_somebody_says_otherwise() -> None:
    assert placed(DESC, {}, ProcessSettings()) is DESC


def test_a_connector_or_the_worker_may_say_otherwise_and_the_connector_has_the_last_word() -> None:
    worker = ProcessSettings(names=frozenset({"counts"}))
    assert launch_of(placed(DESC, {"plugin.isolation": "process"}, ProcessSettings()).cls) is not None
    assert launch_of(placed(DESC, {}, worker).cls) is not None
    assert placed(DESC, {"plugin.isolation": "worker"}, worker) is DESC


def test_one_config_has_one_class_and_another_limit_another() -> None:
    config = {"plugin.isolation": "process", "plugin.memory.limit": "100m"}
    first = placed(DESC, config, ProcessSettings())
    assert placed(DESC, config, ProcessSettings()) == first
    other = placed(first, {**config, "plugin.memory.limit": "200m"}, ProcessSettings())
    launches = [launch_of(desc.cls) for desc in (first, other)]
    assert [launch.memory_bytes for launch in launches if launch is not None] == [100 << 20, 200 << 20]


def test_a_class_that_cannot_run_elsewhere_is_refused_where_it_is_to() -> None:
    class Local(Transform):
        pass

    desc = PluginDesc(Local, PluginKind.TRANSFORM, "here", "local")
    assert placed(desc, {}, ProcessSettings()) is desc
    with pytest.raises(ConfigError, match="cannot run in a process of its own"):
        placed(desc, {"plugin.isolation": "process"}, ProcessSettings())


def test_the_workers_keys_say_what_its_processes_may(tmp_path: Path) -> None:
    keys = {
        "plugin.isolation": "a, b", "plugin.memory.limit": "64m", "plugin.environments.path": str(tmp_path),
        "plugin.install.timeout.ms": "1500", "task.shutdown.graceful.timeout.ms": "700",
    }  # fmt: skip
    found = process_settings(WorkerConfig.parse(keys))
    assert (found.names, found.memory_bytes, found.grace_s) == (frozenset({"a", "b"}), 64 << 20, 0.7)
    assert (found.environments, found.install_s) == (str(tmp_path), 1.5)
    assert found.files is not None


def test_a_process_finds_what_the_worker_finds_without_the_standard_library() -> None:
    found = python_path()
    assert any(entry.endswith("site-packages") for entry in found)
    assert not any(Path(entry, "asyncio").exists() for entry in found)


def test_folders_of_plugins_stand_behind_pythons_own_modules_in_a_process_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = python_path()
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')\n")
    add_to_path(tmp_path)
    assert python_path() == before
    launch = launch_of(placed(DESC, {"plugin.isolation": "process"}, ProcessSettings()).cls)
    assert launch is not None
    assert launch.source is not None
    assert str(tmp_path) in launch.source.path
    process = PluginProcess(launch, who="x", plugin="p", log=logging.getLogger("x"))
    process.start()  # its own code imports json
    process.close()
    assert process.wait(20)
