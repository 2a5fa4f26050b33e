"""The file source: what is read by whom, how often a commit is asked for, and what is promised."""

import pytest

from connect.api import ExactlyOnceSupport
from connect_file import FileStreamSourceConnector
from connect_file import source as module


def test_one_task_reads_the_file_whatever_tasks_max_says():
    connector = FileStreamSourceConnector()
    config = {"file": "x", "topic": "t"}
    connector.configure(connector.config_class.parse(config))
    assert connector.task_configs(7) == [config]


def test_while_it_reads_it_asks_for_a_commit_now_and_then(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("one\n")
    driver = source(file)
    for step in range(3):
        with file.open("a") as writer:
            writer.write("more\n")
        assert "more" in driver.poll()
        assert driver.poll() == []
        assert driver.task.context.commits == (step == 2)
        if step == 1:
            driver.task._commit_asked_at -= module.COMMIT_S


@pytest.mark.parametrize(
    ("given", "support"),
    [
        ({"file": "a"}, ExactlyOnceSupport.SUPPORTED),
        ({"files": "a"}, ExactlyOnceSupport.UNSUPPORTED),
        ({}, ExactlyOnceSupport.UNSUPPORTED),
    ],
)
def test_of_one_file_lines_come_exactly_once_and_of_many_nobody_promises_that(
    given: dict[str, str], support: ExactlyOnceSupport
) -> None:
    connector = FileStreamSourceConnector()
    connector.configure(connector.config_class.parse({"topic": "t", **given}))
    assert connector.exactly_once_support() is support
