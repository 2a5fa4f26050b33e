"""The way to the log: the directory, or the worker that owns it."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import assert_refused, connect
from tests.support.forks import ForkedWorker, connect_forked


def test_a_data_directory_in_use_refuses_a_second_worker_and_serves_commands(
    tmp_path: Path, directory: list[str]
) -> None:
    with ForkedWorker(tmp_path / "data") as worker:
        worker.url()
        assert_refused(
            connect_forked("worker", *directory, "--listeners", "http://127.0.0.1:0"), 3, "log.in_use", "data"
        )
        assert connect("topic", "create", "t", *directory).returncode == 0
        assert connect("produce", "--topic", "t", *directory, stdin=b"a\nb\n").returncode == 0
        assert (
            connect("consume", "--topic", "t", "--from-beginning", "--max-messages", "2", *directory).stdout == "a\nb\n"
        )
        assert_refused(connect("topic", "describe", "tt", *directory), 1, "log.unknown_topic_or_partition", "tt")
        assert worker.stop() == 0
