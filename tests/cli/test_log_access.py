"""The way to the log: the directory, or the worker that owns it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import assert_refused, connect, lines
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


@pytest.mark.parametrize(
    "command",
    [
        ("topic", "list"),
        ("topic", "describe", "t"),
        ("group", "list"),
        ("group", "describe", "connect-orders"),
        ("consume", "--topic", "t", "--timeout-ms", "10"),
        ("produce", "--topic", "t"),
        ("perf", "consume", "--topic", "t"),
    ],
    ids=" ".join,
)
def test_a_command_on_what_is_there_makes_no_log_where_there_is_none(tmp_path: Path, command: tuple[str, ...]) -> None:
    nowhere = tmp_path / "nowhere"
    refused = connect(*command, "--data-dir", str(nowhere))
    assert_refused(refused, 3, "environment.data_dir", f"{nowhere} holds no log", "--url")
    assert not nowhere.exists()


def test_a_creation_of_a_topic_makes_the_log(tmp_path: Path) -> None:
    lines("topic", "create", "t", "--data-dir", str(tmp_path / "new"))
    assert lines("topic", "list", "--data-dir", str(tmp_path / "new"))


def test_connect_url_counts_where_no_directory_is_named(
    tmp_path: Path, directory: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines("topic", "create", "mine", *directory)
    with ForkedWorker(tmp_path / "other") as other:
        monkeypatch.setenv("CONNECT_URL", other.url())
        lines("topic", "create", "theirs")
        assert connect("produce", "--topic", "theirs", stdin=b"a\n").returncode == 0
        assert connect("consume", "--topic", "theirs", "--from-beginning", "--max-messages", "1").stdout == "a\n"
        assert "mine" not in connect("topic", "list").stdout
        assert "theirs" not in connect("topic", "list", *directory).stdout
        assert other.stop() == 0


def test_a_directory_in_use_is_asked_for_at_its_own_worker_whatever_connect_url_says(
    tmp_path: Path, directory: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines("topic", "create", "here", *directory)
    with ForkedWorker(tmp_path / "other") as other, ForkedWorker(tmp_path / "data") as owner:
        monkeypatch.setenv("CONNECT_URL", other.url())
        owner.url()
        assert "here" in connect("topic", "list", *directory).stdout
        (tmp_path / "data" / "worker.json").unlink()  # as while it starts: nobody else is asked in its place
        assert_refused(connect("topic", "list", *directory), 3, "log.in_use", "data")
