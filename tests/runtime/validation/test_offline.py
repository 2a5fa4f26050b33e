from __future__ import annotations

from pathlib import Path

from connect.runtime.factory import connector_desc
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.offline import Looked, look
from connect.runtime.worker_config import WorkerConfig

PLUGINS = PluginHost.discover()
SINK = {"name": "out", "connector.class": "FileStreamSink", "topics": "t", "file": "out.txt"}


def looked(config: dict[str, str], **worker: str) -> Looked:
    return look(PLUGINS, WorkerConfig.parse(worker), connector_desc(PLUGINS, config), config)


def test_of_a_value_that_is_a_reference_nothing_is_wrong() -> None:
    found = looked({**SINK, "tasks.max": "${env:TASKS}", "fiel": "${env:X}"})
    assert found.refers == {"tasks.max", "fiel"}
    assert [(one.key, one.code) for one in found.warnings] == [("fiel", "unknown_key")]


def test_what_would_fail_as_a_task_starts_is_found_by_making_it() -> None:
    wrong = {"transforms": "x", "transforms.x.type": "TimestampConverter$Value", "transforms.x.target.type": "string"}
    assert [one.code for one in looked({**SINK, **wrong}).warnings] == ["will_fail"]


def test_a_look_runs_no_code_that_a_config_names(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef run(record): return record\n")
    python = {
        "transforms": "p",
        "transforms.p.type": "connect.transforms.Python",
        "transforms.p.file": str(tmp_path / "code.py"),
        "transforms.p.function": "run",
    }
    looked({**SINK, **python}, **{"transforms.python.enabled": "true"})
    assert not (tmp_path / "ran").exists()
