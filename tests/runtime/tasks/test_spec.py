"""What makes a task: where its configs have references, it is made with the values of its start."""

from __future__ import annotations

from connect.runtime.factory import framework_config
from connect.runtime.model import TaskId
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.providers.references import parts_of
from connect.runtime.providers.resolved import resolved_of
from connect.runtime.tasks.spec import TaskOrigin, TaskSpec
from connect_file.source import FileStreamSourceConnector


def test_a_task_is_made_with_the_values_of_now_and_keeps_all_else() -> None:
    config = {"name": "s", "connector.class": "FileStreamSource", "file": "${v:f}", "errors.tolerance": "${v:t}"}
    desc = PluginDesc(FileStreamSourceConnector, "source", "file")
    origin = TaskOrigin(config, {"file": parts_of("/data/${v:f}", ["v"])})
    spec = TaskSpec(
        TaskId("s", 1),
        desc,
        PluginHost(),
        framework_config(desc, {**config, "errors.tolerance": "none"}),
        {},
        2,
        origin,
    )
    resolved = resolved_of(config, {"${v:f}": "in.txt", "${v:t}": "all"})
    found = spec.with_values(resolved)
    assert found.task_config == {"file": "/data/in.txt"}
    assert (spec.config.errors_tolerance, found.config.errors_tolerance) == ("none", "all")
    assert (found.id, found.desc, found.tasks, found.origin, found.limit) == (
        spec.id,
        desc,
        2,
        origin,
        spec.limit,
    )
