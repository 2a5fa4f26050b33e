"""What configs/ has for images, Kubernetes and systemd: linted, and as the worker understands it.

Each tool that is not here is told of by the skip of its test. Pods are played in test_kubernetes_play.py.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from connect.app import log_keys
from connect.cli.settings import connector_file
from connect.rest.app import ROUTES
from connect.runtime.validation.worker_keys import key_notices
from connect.runtime.worker_config import WorkerConfig
from connect.runtime.worker_environment import environment_config, with_listeners
from tests.support.plain import NO_TLS
from tests.support.worker import running_worker

HOUSE = Path(__file__).parents[2]
CONFIGS = HOUSE / "configs"
CONTAINERFILE = CONFIGS / "container" / "Containerfile"
COMPOSE = sorted((CONFIGS / "container").glob("compose*.yaml"))
MANIFESTS = sorted((CONFIGS / "kubernetes").glob("*.yaml"))
UNIT = CONFIGS / "systemd" / "connect.service"
#: What a stop may take beyond the grace time of tasks.
BEYOND_S = 5


def tool(name: str) -> str:
    """Return the path of a tool, of this environment or the machine's; skip the test where there is none."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def ran(*command: str | Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout_s, check=False)


def unread(environment: Mapping[str, str]) -> list[str]:
    """Return the variables' keys that no worker reads, or that someone should look at."""
    config = WorkerConfig.read(with_listeners(environment_config(environment)))
    return [f"{notice.key}: {notice.message}" for notice in key_notices(config, log_keys()) if notice.act]


def grace_s(environment: Mapping[str, str]) -> float:
    config = WorkerConfig.read(with_listeners(environment_config(environment)))
    return config.task_shutdown_graceful_timeout_ms / 1000


# -- the image ---------------------------------------------------------------------------------------------------------


def instructions() -> Iterator[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        yield name, rest.strip()


def environment_of_the_image() -> dict[str, str]:
    pairs = [pair for name, rest in instructions() if name == "ENV" for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_containerfile_is_as_its_linter_wants_it() -> None:
    done = ran(tool("hadolint"), CONTAINERFILE)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_made_of_what_is_there_and_its_context_holds_that_and_nothing_else() -> None:
    copied = [rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    sources = {source for parts in copied for source in parts[:-1]}
    assert all((HOUSE / source).exists() for source in sources)
    ignored = CONTAINERFILE.with_name("Containerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    assert "*" in ignored


@pytest.mark.slow
def test_what_the_context_holds_is_enough_to_build_the_distribution(tmp_path: Path) -> None:
    for _, rest in (one for one in instructions() if one[0] == "COPY" and "--from" not in one[1]):
        *sources, target = rest.split()
        for source in sources:
            if (HOUSE / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(HOUSE / source, tmp_path / "src" / target, ignore=ignored)
            else:
                (tmp_path / "src").mkdir(exist_ok=True)
                shutil.copy(HOUSE / source, tmp_path / "src" / target)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path]
    done = ran(*build, "--disable-pip-version-check", tmp_path / "src")
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("connect_runtime-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"connect/container.py", "connect_file/sink.py", "connect_transforms/__init__.py"} <= set(names)


def test_the_image_runs_without_root_and_without_a_shell_and_imports_nothing_of_its_working_directory() -> None:
    found = dict(instructions())
    assert found["USER"].split(":")[0] not in ("", "0", "root")
    assert json.loads(found["ENTRYPOINT"])[:4] == ["python", "-P", "-m", "connect.container"]
    assert json.loads(found["CMD"]) == ["worker"]
    assert json.loads(found["HEALTHCHECK"].partition("CMD")[2]) == ["connect", "health"]
    assert json.loads(found["VOLUME"])[0] == found["WORKDIR"] == environment_of_the_image()["HOME"]


def test_the_image_s_variables_are_keys_of_the_worker() -> None:
    environment = environment_of_the_image()
    assert unread(environment) == []
    config = WorkerConfig.parse(with_listeners(environment_config(environment)))
    assert config.listeners == ["http://0.0.0.0:8083"]


def builder() -> str:
    """Return a builder of images that works; skip the test where there is none."""
    reasons = []
    for name in ("docker", "podman", "buildah"):
        if (found := shutil.which(name)) is None:
            reasons.append(f"{name} is not installed")
        elif (done := ran(found, "info")).returncode != 0:
            reasons.append(f"{name} does not work: {' '.join(done.stderr.split())[:100]}")
        else:
            return found
    pytest.skip("no image can be built: " + "; ".join(reasons))


@pytest.mark.timeout(1800)
def test_the_image_builds_and_its_worker_is_healthy_on_a_read_only_root() -> None:
    build, tag = builder(), f"connect-test-{os.getpid()}"
    if build.endswith("buildah"):
        pytest.skip("buildah builds, and runs nothing")
    done = ran(build, "build", "-f", CONTAINERFILE, "-t", tag, HOUSE, timeout_s=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    run = ran(build, "run", "-d", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", tag)
    container = run.stdout.strip()
    try:
        deadline = time.monotonic() + 60
        while ran(build, "exec", container, "connect", "health", "--ready").returncode != 0:
            assert time.monotonic() < deadline, ran(build, "logs", container).stderr
            time.sleep(0.2)
        ran(build, "stop", container)
        assert ran(build, "inspect", "-f", "{{.State.ExitCode}}", container).stdout.strip() == "0"
    finally:
        ran(build, "rm", "-f", container)
        ran(build, "rmi", "-f", tag)


#: As the image runs: a read-only root, the data volume and /tmp to be written, no root, process 1.
PLAYED = """
set -e
mount --bind "$DATA" /mnt
mount -t tmpfs tmpfs /tmp
mount -o remount,bind,ro /
cd /mnt
exec setpriv --reuid 1001 --regid 0 --clear-groups --no-new-privs --inh-caps=-all "$@"
"""


@pytest.mark.slow
def test_the_entry_point_runs_as_in_the_image_without_root_on_a_read_only_root(tmp_path: Path) -> None:
    for name in ("unshare", "setpriv", "mount"):
        tool(name)
    data = tmp_path / "volume"
    data.mkdir()
    os.chmod(data, 0o777)  # noqa: PTH101 - a volume of another user's
    namespaces = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "bash",
        "-c",
        PLAYED,
        "played",
    ]
    environment = {**os.environ, **environment_of_the_image(), "DATA": str(data), "CONNECT_REST_PORT": "0"}
    environment |= {"PATH": os.environ["PATH"], "HOME": "/mnt", "CONNECT_FILE_ALLOWED_PATHS": "/mnt/files"}
    python = [sys.executable, "-P"]
    can = subprocess.run(
        [*namespaces, *python, "-c", "import connect"], env=environment, capture_output=True, text=True, timeout=60,
        check=False, cwd="/",
    )  # fmt: skip
    if can.returncode != 0:
        pytest.skip(f"the image cannot be played here: {can.stderr.strip().splitlines()[-1:]}")
    log = tmp_path / "log"
    with log.open("wb") as out:
        command = [*namespaces, *python, "-m", "connect.container", "worker"]
        worker = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd="/")
        try:
            told = data / "connect-data" / "worker.json"
            wait_for(lambda: told.exists() and told.read_bytes(), log)
            url = json.loads(told.read_text())["url"]
            assert told.stat().st_uid == 1001
            with httpx.Client(base_url=url, verify=NO_TLS, timeout=30) as client:
                assert client.get("/health/ready").status_code == 200
                config = {"connector.class": "Datagen", "kafka.topic": "t", "quickstart": "users"}
                assert client.put("/connectors/made/config", json=config).status_code == 201
                sink = {"connector.class": "FileStreamSink", "topics": "t", "file": "/mnt/files/out.txt"}
                assert client.put("/connectors/put/config", json=sink).status_code == 201
                wait_for(lambda: (data / "files" / "out.txt").exists(), log)
                code = {**sink, "file": "/mnt/python/evil.py"}
                assert client.put("/connectors/evil/config", json=code).status_code == 400
            first = int(Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()[0])
            os.kill(first, 15)
            assert worker.wait(30) == 0, log.read_text()
        finally:
            worker.kill()
            worker.wait(30)


def wait_for(condition: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


# -- compose -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_compose_file_sets_what_the_worker_reads_and_gives_it_the_time_to_stop(path: Path) -> None:
    told = yaml.safe_load(path.read_text())
    service = told["services"]["connect"]
    environment = {**environment_of_the_image(), **service["environment"]}
    assert all(isinstance(value, str) for value in service["environment"].values()), "YAML's booleans are no texts"
    assert unread(environment) == []
    assert int(service["stop_grace_period"].removesuffix("s")) >= grace_s(environment) + BEYOND_S
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert (path.parent / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == CONTAINERFILE
    volumes = [volume.split(":") for volume in service["volumes"]]
    written = {target for _, target, *mode in volumes if mode != ["ro"]} | {t.split(":")[0] for t in service["tmpfs"]}
    assert written == {"/tmp", "/var/lib/connect"}
    named = {source for source, *_ in volumes if not source.startswith(".")}
    assert named <= set(told["volumes"])
    for port in service["ports"]:
        assert port.startswith("127.0.0.1:"), "nobody is asked for a password"


# -- Kubernetes --------------------------------------------------------------------------------------------------------


def documents(path: Path) -> dict[str, dict[str, Any]]:
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in yaml.safe_load_all(path.read_text())}


def pod_of(path: Path) -> dict[str, Any]:
    [workload] = [one for name, one in documents(path).items() if name.startswith(("Deployment", "StatefulSet"))]
    pod: dict[str, Any] = workload["spec"]["template"]["spec"]
    return pod


def environment_of_a_pod(path: Path) -> dict[str, str]:
    [container] = pod_of(path)["containers"]
    environment = environment_of_the_image()
    for source in container["envFrom"]:
        environment |= documents(path)[f"ConfigMap/{source['configMapRef']['name']}"]["data"]
    return environment | {one["name"]: one.get("value", "10.0.0.1") for one in container.get("env", ())}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_as_kubernetes_schemas_say(path: Path) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for one in documents(path).values():
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_pod_runs_as_restricted_pods_have_to_and_has_the_time_to_stop(path: Path) -> None:
    pod = pod_of(path)
    [container] = pod["containers"]
    assert unread(environment_of_a_pod(path)) == []
    assert pod["terminationGracePeriodSeconds"] >= grace_s(environment_of_a_pod(path)) + BEYOND_S
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 1001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["enableServiceLinks"] is False
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/tmp", "/var/lib/connect", environment_of_a_pod(path)["CONNECT_CONNECTORS_DIR"]} <= mounts


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_pod_s_probes_ask_what_the_worker_answers_and_liveness_never_asks_for_more_than_life(path: Path) -> None:
    [container] = pod_of(path)["containers"]
    routes = {route.path for route in ROUTES}  # type: ignore[attr-defined]
    probes = {kind: container[kind]["httpGet"]["path"] for kind in ("livenessProbe", "readinessProbe", "startupProbe")}
    assert set(probes.values()) <= routes
    assert probes["livenessProbe"] == "/health/live"
    services = [one for name, one in documents(path).items() if name.startswith("Service/")]
    allowed = environment_of_a_pod(path)["CONNECT_REST_ALLOWED_HOSTS"].split(",")
    assert {service["metadata"]["name"] for service in services} <= set(allowed), "REST answers to its own names"


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_labels_select_the_pods(path: Path) -> None:
    for name, one in documents(path).items():
        spec = one.get("spec", {})
        selector = spec.get("selector", {})
        labels = selector.get("matchLabels", selector if name.startswith("Service/") else {})
        assert not selector or labels == {"app.kubernetes.io/name": "connect"}, name


@pytest.mark.parametrize("path", [*MANIFESTS, CONFIGS / "container"], ids=lambda path: path.name)
async def test_connectors_beside_deployments_are_right(path: Path, tmp_path: Path) -> None:
    files = sorted((path / "connectors").glob("*.json")) if path.is_dir() else []
    for name, text in {} if path.is_dir() else documents(path)["ConfigMap/connect-connectors"]["data"].items():
        (tmp_path / name).write_text(text)
        files.append(tmp_path / name)
    assert files
    async with running_worker(tmp_path / "worker") as worker:
        for file in files:
            read = connector_file(file)
            infos = await worker.herder.validate(read.config["connector.class"], {**read.config, "name": read.name})
            assert infos.error_count == 0


# -- systemd -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a command that is there."""
    text = UNIT.read_text()
    command = str(Path(sys.executable).with_name("connect"))
    assert text.count("/opt/connect/bin/connect ") == 1
    (tmp_path / "connect.service").write_text(text.replace("/opt/connect/bin/connect ", f"{command} "))
    return tmp_path / "connect.service"


def test_the_unit_is_as_systemd_reads_it(unit: Path) -> None:
    done = ran(tool("systemd-analyze"), "verify", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_leaves_little_open(unit: Path) -> None:
    analyze = tool("systemd-analyze")
    if "--offline" not in ran(analyze, "--help").stdout:
        pytest.skip("this systemd-analyze looks at no unit that is not loaded")
    done = ran(analyze, "security", "--offline=true", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout


def test_the_unit_s_command_line_variables_and_times_are_the_worker_s() -> None:
    lines = [line.partition("=") for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#"]
    found = {name: value for name, _, value in lines}
    variables = dict(value.split("=", 1) for name, _, value in lines if name == "Environment")
    assert unread(variables) == []
    assert int(found["TimeoutStopSec"]) >= grace_s(variables) + BEYOND_S
    assert (found["Type"], found["KillMode"]) == ("notify", "mixed")
    done = ran(Path(sys.executable).with_name("connect"), "worker", "--help")
    for option in re.findall(r"--[a-z-]+", found["ExecStart"]):
        assert option in done.stdout
