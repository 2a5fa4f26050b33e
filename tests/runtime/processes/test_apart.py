from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from connect.api import PluginError
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.processes.apart import _told, told_of
from connect.runtime.processes.environments import folder_of
from connect.runtime.processes.process import Launch
from connect.runtime.processes.settings import ProcessSettings
from connect.runtime.processes.stand_ins import Desk, launch_of
from tests.support import process_plugins


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder for plugin.path with one plugin that has requirements, of which there are none."""
    own = tmp_path / "plugins" / "counting"
    own.mkdir(parents=True)
    shutil.copy(process_plugins.__file__, own / "process_plugins.py")
    (own / "requirements.txt").write_text("# nothing\n")
    return own.parent


def settings(tmp_path: Path, **more: Any) -> ProcessSettings:
    return ProcessSettings(environments=str(tmp_path / "envs"), **more)


def test_the_plugins_of_a_folder_with_requirements_are_listed_and_run_elsewhere(tmp_path: Path, plugins: Path) -> None:
    (plugins / "plain.py").write_text("")
    host = PluginHost.discover([plugins], tells=False, processes=settings(tmp_path))
    assert not host.broken
    desc = host.resolve("CountSource", PluginKind.SOURCE)
    assert desc.name == "test.CountSource"
    launch = launch_of(desc.cls)
    assert launch is not None
    assert launch.python.startswith(str(tmp_path / "envs"))
    assert desc.cls.config_class.values({"topic": "t", "count": "1"})["count"].errors == [
        "count is less than batch.size"
    ]
    assert {d.kind for d in host.list() if d.origin == str(plugins / "counting")} == {
        PluginKind.SOURCE, PluginKind.SINK, PluginKind.TRANSFORM, PluginKind.PREDICATE,
    }  # fmt: skip


def test_a_folder_of_the_path_may_itself_have_requirements(tmp_path: Path, plugins: Path) -> None:
    host = PluginHost.discover([plugins / "counting"], tells=False, processes=settings(tmp_path))
    assert launch_of(host.resolve("CountSource", PluginKind.SOURCE).cls) is not None


def test_one_that_cannot_be_installed_or_imported_is_left_out_by_name(tmp_path: Path, plugins: Path) -> None:
    other = plugins / "broken"
    other.mkdir()
    (other / "requirements.txt").write_text("--no-index\nno-such-distribution\n")
    (plugins / "counting" / "wrong.py").write_text("raise ValueError('wrong')\n")
    host = PluginHost.discover([plugins], tells=False, processes=settings(tmp_path))
    causes = {broken.name: broken.cause for broken in host.broken}
    assert set(causes) == {"broken", "wrong"}
    assert "cannot be installed" in causes["broken"]
    assert "ValueError: wrong" in causes["wrong"]
    assert host.find("CountSource", PluginKind.SOURCE) is not None


def test_a_kind_that_does_not_cross_is_named() -> None:
    launch = Launch()
    told = _told({"codes": [], "broken": [], "classes": [["converter", None]]}, launch, Desk(launch, "p"))
    assert told.classes == ()
    assert told.broken[0][0] == "a converter"


def test_a_process_that_describes_nonsense_is_refused(
    tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "call", lambda self, method: {"codes": [], "broken": [], "classes": [["source", {}]]})
    found = folder_of(plugins / "counting")
    assert found is not None
    with pytest.raises(PluginError, match="in no way known"):
        told_of(found, settings(tmp_path))
