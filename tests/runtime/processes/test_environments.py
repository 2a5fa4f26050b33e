from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from connect.api import PluginError
from connect.runtime.processes.environments import Folder, default_root, folder_of, modules_of, python_of, too_old
from tests.support.wheels import make_wheel


def folder(tmp_path: Path, requirements: str = "", name: str = "geo") -> Folder:
    path = tmp_path / name
    path.mkdir(exist_ok=True)
    (path / "requirements.txt").write_text(requirements)
    (path / "plugin.py").write_text("")
    found = folder_of(path)
    assert found is not None
    return found


def says(python: str, code: str) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [python, "-P", "-c", code], capture_output=True, text=True, check=True, env=env
    ).stdout.strip()


@pytest.mark.slow
def test_an_environment_has_what_is_required_and_what_the_api_needs_and_nothing_else(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "colours", "1.0", "NAME = 'red'")
    python = python_of(folder(tmp_path, f"{wheel}\n"), root=tmp_path / "envs", timeout_s=120)
    assert says(python, "import colours, connect.api, pydantic, ormsgpack; print(colours.NAME)") == "red"
    with pytest.raises(subprocess.CalledProcessError):
        says(python, "import asyncpg")


@pytest.mark.slow
def test_an_environment_that_is_there_is_taken_and_a_change_makes_another(tmp_path: Path) -> None:
    first = python_of(folder(tmp_path), root=tmp_path / "envs", timeout_s=120)
    mark = Path(first).parent.parent / "mark"
    mark.touch()
    assert python_of(folder(tmp_path), root=tmp_path / "envs", timeout_s=1) == first
    assert mark.exists()
    wheel = make_wheel(tmp_path, "colours", "1.0", "")
    other = python_of(folder(tmp_path, f"{wheel}\n"), root=tmp_path / "envs", timeout_s=120)
    assert other != first
    assert Path(first).exists()


@pytest.mark.night
def test_one_that_was_left_half_made_is_made_anew(tmp_path: Path) -> None:
    python = Path(python_of(folder(tmp_path), root=tmp_path / "envs", timeout_s=120))
    (python.parent.parent / "connect-stamp").unlink()
    assert python_of(folder(tmp_path), root=tmp_path / "envs", timeout_s=120) == str(python)
    assert (python.parent.parent / "connect-stamp").exists()


def test_two_who_want_the_same_environment_make_it_once(tmp_path: Path) -> None:
    found: list[str] = []
    of = folder(tmp_path)
    make = lambda: found.append(python_of(of, root=tmp_path / "envs", timeout_s=150))  # noqa: E731
    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(160)
    assert len(found) == 2
    assert len(set(found)) == 1
    assert says(found[0], "import connect.api; print('whole')") == "whole"


@pytest.mark.slow
def test_requirements_that_cannot_be_installed_are_told_with_pips_words(tmp_path: Path) -> None:
    of = folder(tmp_path, "--no-index\nno-such-distribution==1\n")
    with pytest.raises(PluginError, match=r"geo requires cannot be installed: ERROR.*no-such-distribution") as raised:
        python_of(of, root=tmp_path / "envs", timeout_s=120)
    assert raised.value.code == "plugin.environment"


def test_an_installation_has_its_time(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="was not installed in time"):
        python_of(folder(tmp_path), root=tmp_path / "envs", timeout_s=0.0)


def test_a_folder_of_environments_that_cannot_be_written_is_told_with_the_key(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PluginError, match="cannot be made") as raised:
        python_of(folder(tmp_path), root=tmp_path / "file" / "envs", timeout_s=10)
    assert "plugin.environments.path" in raised.value.hint


@pytest.mark.slow
def test_logins_in_what_pip_writes_are_not_told(tmp_path: Path) -> None:
    of = folder(tmp_path, "--no-index\n--find-links https://user:swordfish@127.0.0.1:9/\nno-such-distribution\n")
    with pytest.raises(PluginError) as raised:
        python_of(of, root=tmp_path / "envs", timeout_s=120)
    assert "swordfish" not in raised.value.message


def test_requirements_are_a_file_or_a_projects_dependencies(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert folder_of(tmp_path / "plain") is None
    project = tmp_path / "project"
    (project / "src" / "parts").mkdir(parents=True)
    (project / "src" / "parts" / "__init__.py").touch()
    (project / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["a>=1", "b"]\n')
    found = folder_of(project)
    assert found is not None
    assert (found.requirements, found.search) == ("a>=1\nb\n", (project / "src", project))
    assert found.modules == (project / "src" / "parts" / "__init__.py",)
    (project / "pyproject.toml").write_text("[project\n")
    with pytest.raises(PluginError, match="cannot be read"):
        folder_of(project)


def test_a_package_with_requirements_is_one_module(tmp_path: Path) -> None:
    package = tmp_path / "geo"
    package.mkdir()
    for name in ("__init__.py", "part.py", "requirements.txt"):
        (package / name).touch()
    found = folder_of(package)
    assert found is not None
    assert (found.modules, found.search) == ((package / "__init__.py",), (tmp_path,))


def test_modules_are_files_and_packages_but_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.py", "_c.py", ".d.py", "e.txt"):
        (tmp_path / name).touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "__init__.py").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in modules_of(tmp_path)] == ["a/__init__.py", "b.py"]


def test_the_cache_of_the_user_has_environments_where_nobody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_root() == Path("/somewhere/connect/environments")


def test_the_wheels_of_these_tests_are_wheels(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_wheel(tmp_path, "colours", "1.0", "A = 1")) as wheel:
        assert wheel.read("colours.py") == b"A = 1"


def slow(tmp_path: Path, code: str) -> Path:
    """Return a folder of a distribution that runs this when it is built."""
    path = tmp_path / "slow"
    path.mkdir()
    (path / "pyproject.toml").write_text(
        '[project]\nname = "slow"\nversion = "1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (path / "backend.py").write_text(code)
    return path


MAKE = """
import sys, pathlib
from connect.runtime.processes.environments import folder_of, python_of
python_of(folder_of(pathlib.Path(sys.argv[1])), root=pathlib.Path(sys.argv[2]), timeout_s=60)
"""


@pytest.mark.slow
def test_nobody_begins_while_another_makes_it(tmp_path: Path) -> None:
    made = folder(tmp_path, "--no-index\nabsent\n")
    with pytest.raises(PluginError, match="cannot be installed"):
        python_of(made, root=tmp_path / "envs", timeout_s=60)
    (lock,) = (tmp_path / "envs").glob("*.lock")
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(PluginError, match="another worker, or a pip that has outlived it"):
            python_of(made, root=tmp_path / "envs", timeout_s=0.5)
    with pytest.raises(PluginError, match="cannot be installed"):
        python_of(made, root=tmp_path / "envs", timeout_s=60)


@pytest.mark.slow
def test_a_pip_ends_with_its_worker_that_was_killed_and_the_next_one_begins_anew(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    package = slow(
        tmp_path,
        f"import os, pathlib, time\nmark = pathlib.Path({str(mark)!r})\n"
        "if mark.exists():\n    raise SystemExit(1)\n"
        "mark.with_suffix('.new').write_text(str(os.getpid()))\nmark.with_suffix('.new').rename(mark)\n"
        "time.sleep(60)\n",
    )
    made = folder(tmp_path, f"--no-index\n{package}\n")
    worker = subprocess.Popen([sys.executable, "-c", MAKE, str(made.path), str(tmp_path / "envs")])
    deadline = time.monotonic() + 60
    while not mark.exists() and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    worker.kill()
    worker.wait(10)
    assert mark.exists()
    while Path(f"/proc/{mark.read_text()}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{mark.read_text()}").exists()
    with pytest.raises(PluginError, match="cannot be installed"):
        python_of(made, root=tmp_path / "envs", timeout_s=60)


@pytest.mark.slow
def test_one_that_cannot_be_made_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="cannot be installed"):
        python_of(folder(tmp_path, "--no-index\nabsent\n"), root=tmp_path / "envs", timeout_s=60)
    assert [path.suffix for path in (tmp_path / "envs").iterdir()] == [".lock"]


@pytest.mark.night
def test_what_pip_has_started_and_does_not_end_with_it_is_not_waited_for(tmp_path: Path) -> None:
    leaves = "import subprocess, time\nsubprocess.Popen(['sleep', '20'], start_new_session=True)\ntime.sleep(60)\n"
    made = folder(tmp_path, f"--no-index\n{slow(tmp_path, leaves)}\n")
    began = time.monotonic()
    with pytest.raises(PluginError, match="was not installed in time"):
        python_of(made, root=tmp_path / "envs", timeout_s=5)
    assert time.monotonic() - began < 15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "old"),
    [
        pytest.param("1.10.2", True, marks=pytest.mark.night),
        ("2.3.1", True),
        ("2.12", False),
        pytest.param("2.100.0", False, marks=pytest.mark.night),
    ],
)
def test_a_version_below_what_the_api_needs_is_told_and_no_other(tmp_path: Path, version: str, old: bool) -> None:
    wheel = make_wheel(tmp_path, "pydantic", version, "")
    python = python_of(folder(tmp_path, f"--no-index\n{wheel}\n"), root=tmp_path / "envs", timeout_s=120)
    assert [told.partition(",")[0] for told in too_old(python)] == ([f"pydantic {version}"] if old else [])


@pytest.mark.slow
@pytest.mark.parametrize("limit_bytes", [16, 100_000])
def test_a_disk_without_room_is_told_as_such_and_what_was_made_is_taken_away(tmp_path: Path, limit_bytes: int) -> None:
    wheel = make_wheel(tmp_path, "colours", "1.0", "NAME = 'red'\n" + "#" * 200_000)
    made = folder(tmp_path, f"--no-index\n{wheel}\n")
    code = f"""
import resource
from pathlib import Path
from connect.api import PluginError
from connect.runtime.processes.environments import folder_of, python_of
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, resource.RLIM_INFINITY))
try:
    python_of(folder_of(Path({str(made.path)!r})), root=Path({str(tmp_path / "envs")!r}), timeout_s=60)
except PluginError as error:
    print(error.code, error.message, error.hint, sep="\\n")
"""
    told = says(sys.executable, code).splitlines()
    assert told[0] == "plugin.environment"
    assert os.strerror(errno.EFBIG) in " ".join(told[1:-1])
    assert told[-1].startswith("Make room on the disk of plugin.environments.path")
    assert [path.suffix for path in (tmp_path / "envs").iterdir()] == [".lock"]
    assert says(python_of(made, root=tmp_path / "envs", timeout_s=120), "import colours; print(colours.NAME)") == "red"
