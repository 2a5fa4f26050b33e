"""The connector: what it promises, and what it finds before it starts."""

import os
from types import SimpleNamespace

from connect.api import ExactlyOnceSupport
from connect_file import FolderSinkConnector


def connector(folder, **config):
    found = FolderSinkConnector()
    found.context = SimpleNamespace(name="sink")
    found.configure(FolderSinkConnector.config_class.parse({"folder": str(folder), **config}))
    return found


def test_each_of_the_tasks_has_the_whole_config(folder):
    assert connector(folder).task_configs(3) == [{"folder": str(folder)}] * 3


def test_exactly_once_is_promised_unless_the_system_decides_what_is_on_disk(folder):
    assert connector(folder).exactly_once_support() is ExactlyOnceSupport.SUPPORTED
    assert connector(folder, **{"fsync.policy": "never"}).exactly_once_support() is ExactlyOnceSupport.UNSUPPORTED


def test_offsets_that_a_user_sets_are_those_that_a_task_goes_on_at(folder, sink, batch):
    one = sink()
    one.open(("t", 0), ("t", 1))
    one.put(batch([1, 2]), batch([1, 2, 3], partition=1))
    one.finish()
    assert connector(folder).alter_offsets({("t", 0): 1, ("t", 1): None, ("t", 2): 7})
    assert sink().open(("t", 0), ("t", 1), ("t", 2)) == {("t", 0): 1}


def test_what_is_written_again_on_demand_takes_no_place_of_what_is_there(folder, sink, batch, files):
    for _ in range(2):
        one = sink()
        one.open()
        one.put(batch([1, 2]))
        one.finish()
        connector(folder).alter_offsets({("t", 0): 0})
    assert list(files()) == ["t/partition=0/t+0+0000000000-1.json", "t/partition=0/t+0+0000000000.json"]


def test_a_check_tells_of_a_folder_that_is_not_there_or_cannot_be_written(folder):
    assert connector(folder).check() == []
    [problem] = connector(folder / "no").check()
    assert "is not there" in problem.message
    if os.geteuid() != 0:
        folder.chmod(0o500)
        [problem] = connector(folder).check()
        assert "Permission denied" in problem.message


def test_a_check_tells_of_what_is_not_installed(folder, monkeypatch):
    import builtins

    found = builtins.__import__

    def missing(name, *args, **more):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return found(name, *args, **more)

    made = connector(folder, format="parquet")
    monkeypatch.setattr(builtins, "__import__", missing)
    [problem] = made.check()
    assert (problem.key, "not installed" in problem.message) == ("format", True)
