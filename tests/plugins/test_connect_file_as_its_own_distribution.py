"""Law 2, proved: `connect_file` with its tests, moved to a folder of its own, is a distribution like a stranger's.

The folder is installed into a fresh virtual environment that sees this environment's libraries and the `connect`
package, and none of the bundled plugins.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import connect
from tests.support.lengths import IS_LONG

ROOT = Path(__file__).parents[2]
PYPROJECT = '''
[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "connect-file"
version = "9.9.9"
dependencies = ["connect-runtime", "aiofiles", "orjson", "inotify-simple; platform_system == 'Linux'"]

[project.entry-points.connect]
file = "connect_file"

[tool.hatch.build.targets.wheel]
packages = ["connect_file"]

[tool.pytest.ini_options]
addopts = """
--import-mode=importlib -p no:cacheprovider
--disable-plugin-autoload -p pytest_asyncio.plugin -p _hypothesis_pytestplugin
"""
filterwarnings = ["error"]
asyncio_mode = "auto"
markers = ["slow: takes seconds"]
asyncio_default_fixture_loop_scope = "function"
'''
#: How much Hypothesis draws is for the tests where they are at home; here it is whether they run.
CONFTEST = """
import hypothesis
hypothesis.settings.register_profile("moved", deadline=None, max_examples=5)
hypothesis.settings.load_profile("moved")

def pytest_collection_modifyitems(items):
    items[:] = items[::{each}]
"""
#: All modules of the tests are imported, and what they import; of the tests one of so many is run.
EACH = 1 if IS_LONG else 8
SHOW = """
import importlib.metadata as metadata, logging, sys
from connect.runtime.plugins import PluginHost
[own] = [e for e in metadata.entry_points(group="connect") if e.dist.name == "connect-file"]
print(own.dist.version, own.load().__file__)
print(*(c.plugin_name() for c in own.load().connect_connectors()))
logging.disable()  # the bundled plugins that are hidden here are named as broken
print(*{sys.modules[found.cls.__module__].__file__ for found in PluginHost.discover().list()})
for bundled in ("connect_datagen", "connect_postgres", "connect_converters"):
    try:
        __import__(bundled)
    except ModuleNotFoundError:
        print("no", bundled)
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin's own repository: the package, its tests, a pyproject."""
    folder = tmp_path_factory.mktemp("moved") / "connect-file"
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
    shutil.copytree(ROOT / "plugins" / "connect_file", folder / "connect_file", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "plugins" / "connect_file", folder / "tests", ignore=ignored)
    # What runs a worker by the house's own support stays with the house.
    for test in (folder / "tests").rglob("test_*.py"):
        if "from tests." in test.read_text():
            test.unlink()
    assert len(list((folder / "tests").glob("test_*.py"))) > 5, "the plugin's own tests go with it"
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "conftest.py").write_text(CONFTEST.format(each=EACH))
    return folder


@pytest.fixture(scope="module")
def environment(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with `connect-runtime`, its dependencies, and the moved plugin; returns its Python."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    [packages] = home.glob("lib/python*/site-packages")
    runtime = home / "runtime"
    runtime.mkdir()
    (runtime / "connect").symlink_to(Path(connect.__file__).parent, target_is_directory=True)
    # Folders named by a .pth file have their own .pth files left unread, so an editable install's plugins stay hidden.
    shown = [str(runtime), *(path for path in sys.path if path.endswith("site-packages"))]
    (packages / "installed.pth").write_text("\n".join(shown) + "\n")
    isolation = [] if importlib.util.find_spec("hatchling") is None else ["--no-build-isolation"]
    command = [sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet", "--no-deps", *isolation]
    done = run([*command, str(repository)], repository.parent)
    if done.returncode and not isolation:
        pytest.skip(f"hatchling is not installed and could not be fetched: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return python


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=150, check=False)


@pytest.mark.slow
def test_the_host_finds_the_moved_plugin_by_its_entry_point_in_its_new_place(environment, tmp_path):
    shown = run([str(environment), "-c", SHOW], tmp_path)
    place, classes, resolved, *hidden = shown.stdout.splitlines()
    assert place.startswith(f"9.9.9 {environment.parents[1]}"), shown
    assert classes.split() == [
        "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "connect_file.FolderSinkConnector",
    ]
    assert len(resolved.split()) == 3, shown  # the modules of the three, and of no other plugin
    assert all(file.startswith(str(environment.parents[1])) for file in resolved.split()), shown
    assert hidden == ["no connect_datagen", "no connect_postgres", "no connect_converters"]


@pytest.mark.slow
def test_the_moved_tests_pass_against_the_moved_plugin(environment, repository):
    # The copy beside the tests is taken away, so what they import can only be what was installed.
    shutil.rmtree(repository / "connect_file")
    done = run([str(environment), "-m", "pytest", "-q", "tests"], repository)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
