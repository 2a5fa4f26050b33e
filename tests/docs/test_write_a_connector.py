"""The how-to's own code runs: a source and a sink of some 15 lines, end to end."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.support.worker import STRING, running_worker

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "write-a-connector.md"


def code_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", HOWTO.read_text(), re.DOTALL)


def block_with(text: str) -> str:
    return next(block for block in code_blocks() if text in block)


async def test_the_functions_of_the_howto_work_together_and_resume(tmp_path: Path) -> None:
    plugins, out, database = tmp_path / "plugins", tmp_path / "ticks.txt", tmp_path / "lines.db"
    plugins.mkdir()
    (plugins / "howto_ticks.py").write_text(block_with("def ticks("))
    (plugins / "howto_lines.py").write_text(block_with("def lines("))
    loud = {"transforms": "loud", "transforms.loud.type": "shout", "transforms.loud.mark": "?"}
    for count in (10, 15):
        async with running_worker(tmp_path, plugin_path=str(plugins)) as worker:
            config = {"connector.class": "ticks", "topic": "ticks", "count": str(count), "value.converter": STRING}
            await worker.herder.put_config("ticks", config | loud)
            config = {"connector.class": "collect", "topics": "ticks", "out": str(out), "value.converter": STRING}
            await worker.herder.put_config("collect", config)
            config = {"connector.class": "lines", "topics": "ticks", "path": str(database), "value.converter": STRING}
            await worker.herder.put_config("lines", config)
            await worker.until(lambda count=count: out.exists() and len(out.read_text().splitlines()) >= count)
            await worker.until(lambda count=count: len(lines_of(database)) >= count)
    assert out.read_text().splitlines() == [f"ticks: TICK {n}?" for n in range(1, 16)]
    assert lines_of(database) == [f"TICK {n}?" for n in range(1, 16)]


def lines_of(database: Path) -> list[str]:
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as db:
        is_there = db.execute("SELECT 1 FROM sqlite_master").fetchall()
        return [line for (line,) in db.execute("SELECT line FROM lines")] if is_there else []


async def test_the_classes_of_the_howto_work_and_resume(tmp_path: Path) -> None:
    plugins, out = tmp_path / "plugins", tmp_path / "ticks.txt"
    plugins.mkdir()
    (plugins / "howto_tick.py").write_text(block_with("class TickTask"))
    (plugins / "howto_collect.py").write_text(block_with("class CollectTask"))
    for count in (10, 15):
        async with running_worker(tmp_path, plugin_path=str(plugins)) as worker:
            config = {"connector.class": "TickSource", "topic": "ticks", "count": str(count), "value.converter": STRING}
            await worker.herder.put_config("tick", config)
            config = {"connector.class": "CollectSink", "topics": "ticks", "out": str(out), "value.converter": STRING}
            await worker.herder.put_config("collect", config)
            await worker.until(lambda count=count: out.exists() and len(out.read_text().splitlines()) >= count)
    assert out.read_text().splitlines() == [f"ticks: tick {n}" for n in range(1, 16)]


async def test_the_sink_of_the_howto_that_keeps_its_offsets_has_each_record_once(tmp_path: Path) -> None:
    plugins, database = tmp_path / "plugins", tmp_path / "ledger.db"
    plugins.mkdir()
    (plugins / "howto_ledger.py").write_text(block_with("class LedgerSink"))
    config = {"connector.class": "LedgerSink", "topics": "t", "path": str(database), "value.converter": STRING}
    config |= {"delivery.guarantee": "exactly-once"}

    def lines() -> list[str]:
        with closing(sqlite3.connect(database)) as db:
            return [line for (line,) in db.execute("SELECT line FROM ledger")] if tables(db) else []

    def tables(db: sqlite3.Connection) -> int:
        return len(db.execute("SELECT 1 FROM sqlite_master").fetchall())

    async with running_worker(tmp_path, plugin_path=str(plugins)) as worker:
        await worker.herder.cluster.admin.create_topic("t")
        producer = worker.herder.cluster.producer(client_id="test")
        await producer.append("t", Columns([b"1", b"2"]), partition=0)
        await worker.herder.put_config("ledger", config)
        await worker.until(lambda: lines() == ["1", "2"])
        await worker.herder.delete("ledger")
        begin = {TopicPartition("t", 0): OffsetAndMetadata(0)}
        await worker.herder.cluster.groups.commit("connect-ledger", begin)  # the target alone knows how far it is
        await producer.append("t", Columns([b"3"]), partition=0)
        await worker.herder.put_config("ledger", config)
        await worker.until(lambda: lines() == ["1", "2", "3"])
        await producer.aclose()


def test_the_howtos_plugins_are_short() -> None:
    for text in ("class TickTask", "class CollectTask"):
        assert len(lines_in(block_with(text))) <= 18
    functions = block_with("def ticks(").split("\n\n\n")[1:]
    assert len(functions) == 3
    for function in [*functions, block_with("def lines(").split("\n\n\n")[1]]:
        assert len(lines_in(function)) <= 12


def lines_in(code: str) -> list[str]:
    return [line for line in code.splitlines() if line.strip()]


def test_every_block_of_the_howto_is_python() -> None:
    for number, block in enumerate(code_blocks()):
        compile(block, f"block {number}", "exec")
