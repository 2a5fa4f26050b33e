"""Each example is a distribution of its own, typed and right by its own tests and the certificate."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from connect.runtime.plugins import PluginHost
from tests.support.debian import find_program
from tests.support.lengths import IS_LONG
from tests.support.mypy_cache import mypy_cache

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
IDS = [path.name for path in EXAMPLES]


def test_there_are_examples() -> None:
    assert {"connect-http-json", "connect-redis", "connect-s3", "connect-sqlite", "connect-webhook"} <= set(IDS)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_the_tests_of_an_example_pass(example: Path, tmp_path: Path) -> None:
    options = ["-q", "-rs", "-p", "no:cacheprovider", "-p", "connect.pytest_plugin", f"--basetemp={tmp_path / 'tests'}"]
    if not IS_LONG:  # those that are bundled have theirs, and the pages' own have
        options += ["-k", "not Certificate"]
    command = [sys.executable, "-m", "pytest", "--disable-plugin-autoload", *options, "tests"]
    environment = dict(os.environ)
    if example.name == "connect-redis":
        found = find_program("redis-server", ["redis-server", "redis-tools"], r"libjemalloc\S*|liblzf\S*|libatomic\S*")
        if isinstance(found, str):
            pytest.skip(found)
        environment = {**found.environment, "REDIS_SERVER": str(found.path)}
    told = subprocess.run(
        command, cwd=example, capture_output=True, text=True, timeout=800, check=False, env=environment
    )
    print(told.stdout[-3000:])
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_examples_are_typed() -> None:
    files = [str(file) for example in EXAMPLES for file in sorted((example / "src").rglob("*.py"))]
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", mypy_cache("examples")]
    told = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_each_connector_of_an_example_has_its_certificate(example: Path) -> None:
    host = PluginHost.discover([example / "src"])
    (module,) = tomllib.loads((example / "pyproject.toml").read_text())["project"]["entry-points"]["connect"].values()
    own = {found.cls.__qualname__ for found in host.list() if found.cls.__module__ == module}
    tests = "".join(path.read_text() for path in (example / "tests").glob("test_*.py"))
    certified = set(
        re.findall(r"^class Test\w+\((?:Source|Sink)Suite\):.*?^    connector = (\w+)$", tests, re.M | re.S)
    )
    assert certified == own != set()


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_an_example_names_its_module_and_its_configs_are_right(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = tomllib.loads((example / "pyproject.toml").read_text())
    assert declared["project"]["name"] == example.name
    assert declared["project"]["license"] == "Apache-2.0"
    (module,) = declared["project"]["entry-points"]["connect"].values()
    assert (example / "src" / f"{module}.py").exists() or (example / "src" / module).is_dir()
    host = PluginHost.discover([example / "src"])
    assert [broken for broken in host.broken if broken.name == module] == []
    configs = [
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", (example / "README.md").read_text(), re.S)
    ]
    assert configs
    for config in configs:
        found = host.any(config["connector.class"])
        own = found.cls.config_class.keys()
        values = found.cls.config_class.values(config, together=False)
        errors = {name: value.errors for name, value in values.items() if value.errors and "${" not in str(value.text)}
        assert errors == {}
        known = {"name", "connector.class", "topics", "tasks.max", "delivery.guarantee"}
        strange = [name for name in config if name not in own and name not in known and not name.startswith("errors.")]
        assert strange == []
