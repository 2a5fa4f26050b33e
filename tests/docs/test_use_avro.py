"""The how-to about schema registries: its configs are whole, and its first commands do what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.embedded_postgres import free_port
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.validation import validator
from connect.runtime.validation.config_warnings import config_warnings
from connect.runtime.worker_config import WorkerConfig
from tests.support.command import connect
from tests.support.forks import ForkedWorker
from tests.support.pages import until

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "use-avro-and-a-schema-registry.md"
DEFAULT = "http://127.0.0.1:8081"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", HOWTO.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", blocks("json"))
def test_configs_are_whole(text: str) -> None:
    config = json.loads(text)
    plugins, worker = PluginHost.discover(), WorkerConfig.parse({})
    infos = validator.validate(plugins, worker, config["connector.class"], config)
    desc = plugins.resolve(config["connector.class"], PluginKind.SOURCE)
    assert (infos.error_count, config_warnings(plugins, worker, desc, config, infos)) == (0, [])


@pytest.mark.slow
def test_a_worker_with_a_registry_of_its_own_does_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ports of the test's own in the place of the default ones."""
    monkeypatch.chdir(tmp_path)
    start, look = blocks("console")[:2]
    registry = f"http://127.0.0.1:{free_port()}"
    Path("orders.json").write_text(blocks("json")[0].replace(DEFAULT, registry))
    properties, lines, worker = (line.removeprefix("$ ") for line in start.splitlines())
    assert f'echo "registry.listeners={DEFAULT}"' in properties
    assert "printf 'one\\ntwo\\nthree\\n'" in lines
    Path("worker.properties").write_text(f"registry.listeners={registry}\n")
    Path("orders.txt").write_text("one\ntwo\nthree\n")
    with ForkedWorker(tmp_path / "data", *worker.split()[2:]) as running:
        monkeypatch.setenv("CONNECT_URL", running.url())
        monkeypatch.setenv("CONNECT_REGISTRY_URL", registry)
        commands = re.split(r"^\$ connect ", look, flags=re.MULTILINE)[1:]
        assert len(commands) == 2
        for text in commands:
            command, _, said = text.partition("\n")
            until(lambda command=command, said=said: connect(*command.split()).stdout == said)
