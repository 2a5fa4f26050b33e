"""From the hidden name to the one that everybody sees."""

import os

import pytest

from connect.api import ConfigError, RetriableError
from connect_file.folder import placing
from connect_file.folder.placing import Finished, place, prepare, state_folder, try_lock


def hidden(folder, data=b"data", name="x.part"):
    prepare(str(folder), "sink")
    path = state_folder(str(folder)) / "sink" / name
    path.write_bytes(data)
    return str(path)


def test_a_file_gets_its_name_and_the_folders_that_it_needs(folder):
    assert place(str(folder), [Finished(hidden(folder), "a/b", "c", ".x")], syncs=True) == [str(folder / "a/b/c.x")]
    assert (folder / "a/b/c.x").read_bytes() == b"data"


def test_a_name_that_is_taken_is_left_and_the_next_number_taken(folder):
    (folder / "c.x").write_text("there")
    (folder / "c-1.x").symlink_to("nowhere")
    assert place(str(folder), [Finished(hidden(folder), "", "c", ".x")], syncs=False) == [str(folder / "c-2.x")]
    assert (folder / "c.x").read_text() == "there"


def test_a_file_that_is_not_there_was_renamed(folder):
    assert place(str(folder), [Finished(str(folder / "gone"), "", "c", ".x")], syncs=True) == []


def test_names_that_somebody_holds_the_lock_of_are_waited_for_and_then_an_outage(folder, monkeypatch):
    file = Finished(hidden(folder), "", "c", ".x")
    descriptor = os.open(state_folder(str(folder)) / "names.lock", os.O_WRONLY | os.O_CREAT)
    try:
        assert try_lock(descriptor)
        monkeypatch.setattr(placing, "_LOCK_WAIT_S", 0.05)
        with pytest.raises(RetriableError, match="locked by another program"):
            place(str(folder), [file], syncs=True)
    finally:
        os.close(descriptor)
    assert place(str(folder), [file], syncs=True)


def test_a_link_out_of_the_folder_is_refused_before_anything_is_made_there(folder, tmp_path):
    (tmp_path / "out2").mkdir()
    (folder / "a").symlink_to(tmp_path / "out2")
    with pytest.raises(ConfigError, match="leads by a link to"):
        place(str(folder), [Finished(hidden(folder), "a/b", "c", ".x")], syncs=True)
    assert not list((tmp_path / "out2").iterdir())


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_a_folder_that_is_none_is_refused(tmp_path, what):
    if what == "a file":
        (tmp_path / "x").touch()
    with pytest.raises(ConfigError, match="is not there" if what == "nothing" else "is no folder") as caught:
        prepare(str(tmp_path / "x"), "sink")
    assert caught.value.code == "file.unwritable"


@pytest.mark.parametrize(
    ("number", "kind"), [(28, RetriableError), (5, RetriableError), (30, ConfigError), (13, ConfigError)]
)
def test_what_passes_is_an_outage_and_what_does_not_a_config_error(folder, monkeypatch, number, kind):
    def fails(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(placing, "open_path", fails)
    with pytest.raises(kind, match=f"cannot be written: {os.strerror(number)}"):
        prepare(str(folder), "sink")


def test_connectors_of_any_name_have_folders_of_their_own(folder):
    for name in ("a/b", "..", "a", "A"):
        prepare(str(folder), name)
    assert {path.name for path in state_folder(str(folder)).iterdir()} == {"a%2Fb", "%2E.", "a", "A"}
