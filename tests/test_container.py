"""What an image starts, as a real process: as process 1 of a namespace of its own, where the machine allows that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from connect.container import PIP_FOLDER, PIP_INSTALL, command_line, install, packages_of, work
from tests.support.busy import slowness
from tests.support.plain import NO_TLS
from tests.support.pods import UNSHARE, why_not_process_1
from tests.support.wheels import make_wheel

CONTAINER = [sys.executable, "-m", "connect.container"]
PLUGIN = """
from connect.api import SinkConnector, SinkTask, hookimpl
import helped

class BrandNew(SinkConnector):
    class_name = "test.BrandNew"
    class task_class(SinkTask):
        def put(self, records): ...

@hookimpl
def connect_connectors():
    return [BrandNew]
"""


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    if (why := why_not_process_1()) is not None:
        pytest.skip(why)
    return list(UNSHARE)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ([], ["worker"]),
        (["--config", "x"], ["worker", "--config", "x"]),
        (["start"], ["worker"]),
        (["/docker-entrypoint.sh", "start"], ["worker"]),
        (["/etc/confluent/docker/run"], ["worker"]),
        (["/opt/kafka/kafka_connect_run.sh"], ["worker"]),
        (["connect", "connector", "list"], ["connector", "list"]),
        (["connect"], ["worker"]),
        (["--version"], ["--version"]),
        (["topic", "list"], ["topic", "list"]),
    ],
)
def test_what_images_of_kafka_connect_are_given_is_understood(given: list[str], taken: list[str]) -> None:
    assert command_line(given) == taken


@pytest.mark.parametrize("shell", ["bash", "/bin/sh"])
def test_a_shell_is_told_that_there_is_none_and_what_takes_its_place(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line([shell, "-c", "confluent-hub install x && /etc/confluent/docker/run"]) == []
    told = capsys.readouterr().err
    assert "CONNECT_PIP_INSTALL" in told and "CONNECT_CONNECTORS_DIR" in told


@contextmanager
def started(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environment}, cwd=log.parent)
        try:
            yield process
        finally:
            process.kill()
            process.wait(30)


def wait_for(condition: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


def process_1(outer: subprocess.Popen[bytes]) -> int:
    """Return the process, as seen from outside, that is number 1 within."""
    return int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.night)])
def test_as_process_1_it_hands_signals_on_and_the_worker_s_clean_end_is_its_own(
    namespace: list[str], tmp_path: Path, number: signal.Signals
) -> None:
    log, told = tmp_path / "log", tmp_path / "connect-data" / "worker.json"
    command = [*namespace, *CONTAINER, "--listeners", "http://127.0.0.1:0"]
    with started(command, log) as outer:
        wait_for(lambda: told.exists() and told.read_bytes(), log)
        url = json.loads(told.read_text())["url"]
        assert httpx.get(f"{url}/health/ready", verify=NO_TLS).status_code == 200
        first = process_1(outer)
        [worker] = children(first)
        assert os.getpgid(worker) == worker != os.getpgid(first), "Ctrl-C of a terminal reaches one of them"
        by = time.monotonic() + 5 * slowness()
        os.kill(first, number)
        assert outer.wait(60) == 0
        assert time.monotonic() < by
    assert "stopping" in log.read_text() and "twice" not in log.read_text()
    assert not told.exists()


def test_process_1_gathers_what_lost_its_parent(namespace: list[str], tmp_path: Path) -> None:
    script = """
import os, sys, time
from pathlib import Path
from connect import container

def work(arguments):
    for _ in range(20):
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(0.05)
                os._exit(3)
            os._exit(0)
        os.wait()
    left = -1
    deadline = time.monotonic() + 20
    while left != 0 and time.monotonic() < deadline:
        time.sleep(0.02)
        left = sum(path.name.isdigit() and int(path.name) not in (1, os.getpid()) for path in Path("/proc").iterdir())
    print("left", left, flush=True)
    return 7

container.work = work
sys.exit(container.as_process_1([]))
"""
    done = subprocess.run(
        [*namespace, sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (7, "left 0\n"), done.stderr


def test_what_a_signal_ended_has_its_number_in_the_exit_code(namespace: list[str], tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from connect import container; "
        "container.work = lambda _: os.kill(os.getpid(), signal.SIGKILL); sys.exit(container.as_process_1([]))"
    )
    done = subprocess.run([*namespace, sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == 137


@pytest.mark.slow
def test_any_command_runs_in_the_image_and_options_alone_are_the_worker_s(tmp_path: Path) -> None:
    told = subprocess.run([*CONTAINER, "plugin", "list"], capture_output=True, text=True, timeout=60, check=False)
    assert "FileStreamSource" in told.stdout
    refused = subprocess.run([*CONTAINER, "--nonsense"], capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2 and "connect worker" in refused.stderr


@pytest.fixture
def index(tmp_path: Path) -> dict[str, str]:
    """A package index of a folder: a plugin, and what it requires."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "brand_new", "1.0", PLUGIN, requires=("helped>=1", "click"), is_plugin=True)
    make_wheel(folder, "helped", "1.2", "")
    make_wheel(folder, "greedy", "1.0", "", requires=("click<8",))
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}


@pytest.mark.night
def test_plugins_are_installed_once_beside_the_image_s_own_packages(tmp_path: Path, index: dict[str, str]) -> None:
    folder = tmp_path / "python"
    environment = {**index, PIP_INSTALL: "brand_new==1.0", PIP_FOLDER: str(folder)}
    log, told = tmp_path / "log", tmp_path / "connect-data" / "worker.json"
    for is_first in (True, False):
        with started([*CONTAINER, "worker", "--listeners", "http://127.0.0.1:0"], log, **environment) as worker:
            wait_for(lambda: told.exists() and told.read_bytes(), log)
            url = json.loads(told.read_text())["url"]
            plugins = httpx.get(f"{url}/connector-plugins", verify=NO_TLS).json()
            assert "test.BrandNew" in {plugin["class"] for plugin in plugins}
            worker.terminate()
            assert worker.wait(30) == 0
        if is_first:  # what is there needs no index any more
            environment["PIP_FIND_LINKS"] = str(tmp_path / "none")
    assert {path.name for path in packages_of(folder).glob("*.dist-info")} == {
        "brand_new-1.0.dist-info",
        "helped-1.2.dist-info",
    }, "what the image has is not installed again"


@pytest.mark.slow
def test_a_file_of_requirements_is_taken_and_what_needs_another_version_of_the_image_s_is_refused(
    tmp_path: Path, index: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "requirements.txt").write_text("helped\n")
    assert install([str(tmp_path / "requirements.txt")], tmp_path / "python", {**os.environ, **index}) == 0
    assert install(["greedy"], tmp_path / "python", {**os.environ, **index}) == 3
    done, said = capfd.readouterr()
    assert "click<8" in done and "no worker starts without its plugins" in said
    assert not list(packages_of(tmp_path / "python").glob("greedy*"))


@pytest.mark.parametrize(
    "text",
    [
        "--index-url=http://example.org", "-rfile", "git+https://example.org/x", "https://example.org/x.whl", "x@y",
        "./folder", "x;os_name", "$(id)", "../x.txt", "/etc/passwd", "x==1;y", "x[a]/b",
    ],
)  # fmt: skip
def test_options_addresses_and_paths_are_no_requirements(
    tmp_path: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert install([text], tmp_path / "python") == 2
    assert repr(text) in capfd.readouterr().err
    assert not (tmp_path / "python").exists()


@pytest.mark.parametrize("text", ["a", "connect-redis", "connect_redis==1.0", "x[a,b]>=1,<2", "x~=1.2", "x!=1"])
def test_requirements_are_names_extras_and_versions(text: str) -> None:
    from connect.container import _REQUIREMENT

    assert _REQUIREMENT.fullmatch(text)


def test_a_wrong_requirement_ends_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PIP_INSTALL, "--pre x")
    monkeypatch.chdir(tmp_path)
    assert work(["worker"]) == 2
