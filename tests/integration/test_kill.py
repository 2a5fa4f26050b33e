"""The promise of delivery, against kill -9: nothing lost, order kept, at least once."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from tests.support.lengths import length
from tests.support.worker import STRING, WorkerProcess

KILLS = length("CONNECT_DELIVERY_KILLS")
LINES_A_ROUND = 3000


def config_file(directory: Path, name: str, **config: str) -> Path:
    path = directory / f"{name}.json"
    path.write_text(json.dumps({"name": name, "config": {k.replace("_", "."): v for k, v in config.items()}}))
    return path


def numbers(path: Path) -> list[int]:
    """The whole lines of the output; a kill may leave a torn one, which the next start completes or repeats."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [int(line.split()[1]) for line in lines if line.startswith(b"line ") and len(line) == 40]


@pytest.mark.slow
@pytest.mark.timeout(120 + 10 * KILLS)
def test_nothing_is_lost_and_order_is_kept_through_kills_at_random_moments(tmp_path: Path) -> None:
    source, sink, output = tmp_path / "in.txt", tmp_path, tmp_path / "out.txt"
    source.touch()
    files = [
        config_file(
            tmp_path,
            "source",
            connector_class="FileStreamSource",
            file=str(source),
            topic="lines",
            value_converter=STRING,
        ),
        config_file(
            sink, "sink", connector_class="FileStreamSink", file=str(output), topics="lines", value_converter=STRING
        ),
    ]
    moments = random.Random(20_261_121)
    written = 0
    for _ in range(KILLS):
        with WorkerProcess(tmp_path / "data", *files, CONNECT_OFFSET_FLUSH_INTERVAL_MS="50") as worker:
            worker.url()
            with source.open("a") as out:
                out.writelines(f"line {n:010d} {'x' * 24}\n" for n in range(written, written + LINES_A_ROUND))
            written += LINES_A_ROUND
            time.sleep(moments.uniform(0.0, 0.4))  # the moment of death is what the test is about
            worker.kill()
    with WorkerProcess(tmp_path / "data", *files) as worker:
        worker.url()
        deadline = time.monotonic() + 60
        while (written - 1) not in numbers(output)[-LINES_A_ROUND:] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert worker.stop() == 0, worker.log
    found = numbers(output)
    assert set(found) == set(range(written)), f"{written - len(set(found))} of {written} lines are lost"
    # In order: each repeat goes back and then on without a gap.
    highest = -1
    for number in found:
        assert number <= highest + 1, f"line {number} came before {highest + 1}"
        highest = max(highest, number)


def test_a_clean_stop_and_start_neither_loses_nor_repeats(tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    files = [
        config_file(
            tmp_path,
            "source",
            connector_class="FileStreamSource",
            file=str(source),
            topic="lines",
            value_converter=STRING,
        ),
        config_file(
            tmp_path, "sink", connector_class="FileStreamSink", file=str(output), topics="lines", value_converter=STRING
        ),
    ]
    source.touch()
    for start in (0, 1000, 2000):
        with WorkerProcess(tmp_path / "data", *files) as worker:
            worker.url()
            with source.open("a") as out:
                out.writelines(f"line {n:010d} {'x' * 24}\n" for n in range(start, start + 1000))
            deadline = time.monotonic() + 30
            while len(numbers(output)) < start + 1000 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert worker.stop() == 0, worker.log
    assert numbers(output) == list(range(3000))
