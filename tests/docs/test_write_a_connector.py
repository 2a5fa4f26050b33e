"""The how-to's own code runs: a source and a sink of some 15 lines, end to end."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.worker import STRING, running_worker

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "write-a-connector.md"


def code_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", HOWTO.read_text(), re.DOTALL)


async def test_the_source_and_the_sink_of_the_howto_work_and_resume(tmp_path: Path) -> None:
    plugins, out = tmp_path / "plugins", tmp_path / "ticks.txt"
    plugins.mkdir()
    (plugins / "howto_tick.py").write_text(code_blocks()[0])
    (plugins / "howto_collect.py").write_text(code_blocks()[1])
    for count in (10, 15):
        async with running_worker(tmp_path, plugin_path=str(plugins)) as worker:
            config = {"connector.class": "TickSource", "topic": "ticks", "count": str(count), "value.converter": STRING}
            await worker.herder.put_config("tick", config)
            config = {"connector.class": "CollectSink", "topics": "ticks", "out": str(out), "value.converter": STRING}
            await worker.herder.put_config("collect", config)
            await worker.until(lambda count=count: out.exists() and len(out.read_text().splitlines()) >= count)
    assert out.read_text().splitlines() == [f"ticks: tick {n}" for n in range(1, 16)]


def test_the_howtos_plugins_are_short() -> None:
    for block in code_blocks()[:2]:
        assert len([line for line in block.splitlines() if line.strip()]) <= 18


def test_every_block_of_the_howto_is_python() -> None:
    for number, block in enumerate(code_blocks()):
        compile(block, f"block {number}", "exec")
