from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from connect.api import PluginError
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.processes.apart import _told, told_of
from connect.runtime.processes.environments import folder_of
from connect.runtime.processes.process import Launch, PluginProcess
from connect.runtime.processes.settings import ProcessSettings
from connect.runtime.processes.stand_ins import Desk, launch_of
from tests.support import process_plugins
from tests.support.wheels import make_wheel


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


@pytest.mark.slow
def test_one_that_cannot_be_installed_or_imported_is_left_out_by_name(tmp_path: Path, plugins: Path) -> None:
    for name, requirements, code in (
        ("missing", "--no-index\nno-such-distribution\n", ""),
        ("wrong", "", "raise ValueError('wrong')\n"),
        ("empty", "", ""),
    ):
        (plugins / name).mkdir()
        (plugins / name / "requirements.txt").write_text(requirements)
        (plugins / name / "module.py").write_text(code)
    host = PluginHost.discover([plugins], tells=False, processes=settings(tmp_path))
    causes = {broken.name: broken.cause for broken in host.broken}
    assert set(causes) == {"missing", "wrong", "empty"}
    assert "cannot be installed" in causes["missing"]
    assert "ValueError: wrong" in causes["wrong"]
    assert "registers a plugin" in causes["empty"]
    assert host.find("CountSource", PluginKind.SOURCE) is not None


@pytest.mark.slow
def test_a_library_of_the_api_that_a_plugin_wants_too_old_is_told_as_the_cause(tmp_path: Path) -> None:
    own = tmp_path / "plugins" / "old"
    own.mkdir(parents=True)
    wheel = make_wheel(tmp_path, "pydantic", "1.10.2", "class BaseModel:\n    pass\n")
    (own / "requirements.txt").write_text(f"--no-index\n{wheel}\n")
    (own / "module.py").write_text("import pydantic\n")
    host = PluginHost.discover([tmp_path / "plugins"], tells=False, processes=settings(tmp_path))
    (cause,) = [broken.cause for broken in host.broken]
    assert f"{own} requires pydantic 1.10.2, and connect.api needs pydantic>=2" in cause


def test_a_folder_that_changes_is_described_anew_and_one_that_does_not_is_not(tmp_path: Path, plugins: Path) -> None:
    host = PluginHost.discover([plugins], tells=False, processes=settings(tmp_path))
    before = host.resolve("CountSource", PluginKind.SOURCE)
    assert host.refresh().changed == ()
    assert host.resolve("CountSource", PluginKind.SOURCE).cls is before.cls
    module = plugins / "counting" / "process_plugins.py"
    module.write_text(module.read_text().replace("test.CountSource", "test.CountsSource"))
    assert host.refresh().changed == ("counting",)
    assert host.resolve("CountsSource", PluginKind.SOURCE).name == "test.CountsSource"


def test_a_kind_or_a_hook_that_does_not_cross_is_named() -> None:
    launch = Launch()
    found = {"codes": [], "broken": [], "observing": ["connect_batch_delivered"], "classes": [["converter", None]]}
    told = _told(found, launch, Desk(launch, "p"))
    assert told.classes == ()
    assert told.left_out == ("hook connect_batch_delivered", "a converter")


def test_a_process_that_describes_nonsense_is_refused(
    tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Desk, "call", lambda self, method: {"codes": [], "broken": [], "observing": [], "classes": [["source", {}]]}
    )
    found = folder_of(plugins / "counting")
    assert found is not None
    with pytest.raises(PluginError, match="in no way known"):
        told_of(found, settings(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["code", "requirements", "gone", "data"])
def test_no_process_is_begun_from_a_folder_that_is_another_one_by_now(tmp_path: Path, plugins: Path, what: str) -> None:
    host = PluginHost.discover([plugins], tells=False, processes=settings(tmp_path))
    launch = launch_of(host.resolve("CountSource", PluginKind.SOURCE).cls)
    assert launch is not None
    own = plugins / "counting"
    if what == "gone":
        shutil.rmtree(own)
    else:
        name = {"code": "process_plugins.py", "requirements": "requirements.txt", "data": "kept.json"}[what]
        with (own / name).open("a") as file:
            file.write("# more\n")
    process = PluginProcess(launch, who="x", plugin="p", log=logging.getLogger("x"))
    if what == "data":
        process.start()
        process.close()
        assert process.wait(15)
        return
    with pytest.raises(PluginError, match=f"{own} is gone, or has changed since") as raised:
        process.start()
    assert raised.value.code == "plugin.outdated"
