"""What a start finds of a partition."""

import errno
import json

import pytest

from connect.api import ConfigError, EnvironmentFault, RetriableError
from connect_file.folder import journal as module
from connect_file.folder.journal import Journal, alter_journals
from connect_file.folder.placing import Finished, journal_folder, prepare

AT = ("t", 0)


@pytest.fixture
def journal(folder):
    """Return a function that opens the journal of a partition; it is closed at the end."""
    opened = []
    prepare(str(folder), "sink")

    def start(at=AT):
        opened.append(Journal(str(folder), "sink", at))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def hidden_file(folder, name="t+0.x.part"):
    path = journal_folder(str(folder), "sink") / name
    path.write_bytes(b"data")
    return Finished(str(path), "t", "name", ".x")


def test_what_was_recorded_is_found_by_the_next(journal, folder):
    one = journal()
    assert one.resume("id") is None
    one.record(5, {"a": 7}, ())
    one.close()
    again = journal()
    assert (again.resume("id"), again.ends) == (5, {"a": 7})


def test_files_that_were_recorded_are_renamed_by_the_next_start_and_no_others(journal, folder):
    one, file, other = journal(), hidden_file(folder), hidden_file(folder, "t+0.y.part")
    one.record(1, {}, [file])
    one.close()
    again = journal()
    assert (folder / "t" / "name.x").read_bytes() == b"data"
    assert again.removed == 1
    assert not list(folder.rglob("*.part")), other


def test_a_file_that_was_renamed_and_moved_away_is_not_looked_for(journal, folder):
    one, file = journal(), hidden_file(folder)
    one.record(1, {}, [file])
    assert one.settle() == [str(folder / "t" / "name.x")]
    (folder / "t" / "name.x").unlink()
    one.close()
    journal()
    assert not (folder / "t" / "name.x").exists()


def test_files_of_other_partitions_are_left_alone(journal, folder):
    hidden_file(folder, "t+10.x.part")
    assert journal(("t", 1)).removed == 0


def test_a_partition_is_one_tasks_until_it_is_closed(journal):
    one = journal()
    with pytest.raises(RetriableError, match="by another task") as caught:
        journal()
    assert "a name of its own" in (caught.value.hint or "")
    one.close()
    journal()


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[]"])
def test_a_journal_that_cannot_be_read_is_told(journal, folder, text):
    (journal_folder(str(folder), "sink") / "t+0.json").write_text(text)
    with pytest.raises(EnvironmentFault, match="which has the offsets of a sink, cannot be read") as caught:
        journal()
    assert caught.value.code == "file.changed"


def test_a_file_system_without_locks_is_refused(journal, monkeypatch):
    def has_none(descriptor):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module, "try_lock", has_none)
    with pytest.raises(ConfigError, match="cannot be locked, so two tasks could write one partition"):
        journal()


def test_a_disk_that_does_not_let_it_be_opened_is_an_outage(folder):
    with pytest.raises(RetriableError, match="cannot be opened: No such file"):
        Journal(str(folder), "never prepared", AT)


def test_altered_offsets_count_and_forgotten_ones_are_the_groups(journal, folder):
    for number in (0, 1):
        one = journal(("t", number))
        one.resume("id")
        one.record(5, {"a": 7}, ())
        one.close()
    alter_journals(str(folder), "sink", {("t", 0): 2, ("t", 1): None, ("t", 2): 3})
    one, other = journal(("t", 0)), journal(("t", 1))
    assert (one.resume("id"), one.ends, other.resume("id")) == (2, {}, None)
    assert not (journal_folder(str(folder), "sink") / "t+2.json").exists()


def test_a_journal_is_small_json(journal, folder):
    one = journal()
    one.resume("id")
    one.record(5, {"a": 7}, ())
    assert json.loads((journal_folder(str(folder), "sink") / "t+0.json").read_text()) == {
        "version": 1,
        "topic": "t",
        "partition": 0,
        "topic_id": "id",
        "offset": 5,
        "ends": {"a": 7},
        "files": [],
    }
