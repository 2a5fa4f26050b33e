"""The how-to is followed from an empty folder to an installed plugin that runs in a worker."""

from __future__ import annotations

import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.inner_pytest import INNER_PYTEST
from tests.support.lengths import IS_LONG
from tests.support.mypy_cache import mypy_cache
from tests.support.worker import DEADLINE_S

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "publish-a-plugin.md"
CODE_LINES_MAX = 15
CPU_S_MAX = 60.0


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", HOWTO.read_text(), re.DOTALL)


def commands() -> list[str]:
    return [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]


def test_the_page_asks_for_few_lines_of_code() -> None:
    code = re.sub(r'""".*?"""', "", "\n".join(blocks("python")), flags=re.DOTALL)
    assert sum(1 for line in code.splitlines() if line.strip()) <= CODE_LINES_MAX


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell in a virtual environment with Connect, pytest, mypy and hatchling in it."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    [packages] = home.glob("lib/python*/site-packages")
    # Read as the folders of this environment would be, with their own .pth files: Connect may be installed `-e`.
    shown = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "installed.pth").write_text("\n".join(f"import site; site.addsitedir({path!r})" for path in shown))
    # No index is asked: what a distribution needs is there.
    options = f"['--python={home}/bin/python', 'install', '--no-index', '--no-deps', '--no-build-isolation', '--quiet']"
    for name, code in {
        "connect": "from connect.app import main\nmain()",
        "pip": f"import runpy, sys\nsys.argv[1:2] = {options}\nrunpy.run_module('pip', run_name='__main__')",
    }.items():
        script = home / "bin" / name
        script.write_text(f"#!{home}/bin/python\n{code}\n")
        script.chmod(0o755)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "CONNECT_"))}
    return {
        **clean,
        **INNER_PYTEST,
        **({} if IS_LONG else {"PYTEST_ADDOPTS": "-k 'not crash_'"}),  # which is told of the files' connectors
        "PATH": f"{home / 'bin'}{os.pathsep}{clean['PATH']}",
        "VIRTUAL_ENV": str(home),
        "CONNECT_LISTENERS": "http://127.0.0.1:0",
        "MYPY_CACHE_DIR": mypy_cache("published"),
        "CONNECT_CONTEXTS_FILE": str(tmp_path / "contexts.json"),
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_page_is_followed_from_an_empty_folder_to_a_plugin_that_runs_in_a_worker(
    tmp_path: Path, shell: dict[str, str]
) -> None:
    before, folder = _cpu_s(), tmp_path / "work"
    folder.mkdir()
    worker: subprocess.Popen[bytes] | None = None
    code = iter(blocks("python"))
    try:
        for command in commands():
            if command.startswith("cd "):
                folder /= command.removeprefix("cd ")
                (folder / "src" / "connect_prices" / "__init__.py").write_text(next(code))
                (folder / "tests" / "test_prices.py").write_text(next(code))
            elif command.startswith("connect worker"):
                log = (tmp_path / "worker.log").open("wb")
                worker = subprocess.Popen(shlex.split(command), cwd=folder, env=shell, stdout=log, stderr=log)
                log.close()
                _until((folder / "connect-data" / "worker.json").is_file)
            else:
                done = run(command, folder, shell)
                assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
                said = done.stdout
        assert [line for line in said.splitlines() if "tea" in line] != [], said
        assert "connect-prices 0.1.0" in run("connect plugin list", tmp_path, shell).stdout
    finally:
        if worker is not None:
            worker.send_signal(signal.SIGTERM)
            worker.wait(DEADLINE_S)
    assert _cpu_s() - before < CPU_S_MAX


def run(command: str, folder: Path, shell: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, shell=True, cwd=folder, env=shell, capture_output=True, text=True, timeout=600, check=False
    )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 2 * DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, condition
        time.sleep(0.05)
