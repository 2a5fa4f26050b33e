"""The folder sink: when files are finished, and what each start makes of what it finds."""

import contextlib
import csv
import io
import json
import os
import resource
from pathlib import Path

import pytest
from pyarrow import parquet

from connect.api import INT64, STRING, ConfigError, DataError, EnvironmentFault, RetriableError, Schema
from connect.api.files import FileRules, in_force
from connect_file.folder import task as task_module


def numbers(files):
    return [json.loads(line) for data in files.values() for line in data.splitlines()]


def test_records_are_in_a_hidden_file_until_it_is_full(sink, batch, files, unfinished):
    one = sink(flush_size="3")
    one.open()
    one.put(batch([1, 2]))
    assert files() == {}
    one.put(batch([3, 4], 2))
    assert files() == {"t/partition=0/t+0+0000000000.json": b"1\n2\n3\n"}
    assert one.flush() == {("t", 0): 3}


def test_a_put_of_many_records_makes_as_many_files_as_it_takes(sink, batch, files):
    one = sink(flush_size="2")
    one.open()
    one.put(batch([1, 2, 3, 4, 5]))
    assert list(files().values()) == [b"1\n2\n", b"3\n4\n"]
    assert one.context.commits == 1


def test_a_file_rolls_by_its_bytes(sink, batch, files):
    one = sink(rotate_bytes="10")
    one.open()
    for first in range(6):
        one.put(batch(["abcd"], first))
    assert list(files().values()) == [b'"abcd"\n"abcd"\n'] * 3


def test_a_file_rolls_by_the_time_of_its_records(sink, batch, files):
    one = sink(rotate_interval_ms="1000")
    one.open()
    one.put(batch([1, 2, 3, 4], timestamps=[5000, 5999, 6000, 6500]))
    assert list(files().values()) == [b"1\n2\n"]
    one.put(batch([5], 4, timestamps=[7000]))
    assert list(files().values()) == [b"1\n2\n", b"3\n4\n"]


def test_a_file_is_finished_when_the_clock_passes_the_schedule_also_where_nothing_comes(
    sink, batch, files, monkeypatch
):
    now = 1_700_000_000.0
    monkeypatch.setattr(task_module.time, "time", lambda: now)
    one = sink(rotate_schedule_interval_ms="60000")
    one.open()
    one.put(batch([1]))
    assert one.flush() == {("t", 0): 0}
    now += 60
    assert one.flush() == {("t", 0): 1}
    assert list(files().values()) == [b"1\n"]


def test_more_files_than_may_be_open_finish_the_one_that_had_no_record_for_longest(sink, batch, files):
    one = sink(open_files_max="2", partitioner_class="FieldPartitioner", partition_field_name="k")
    one.open()
    one.put(batch([{"k": "a"}]))
    one.put(batch([{"k": "b"}], 1))
    one.put(batch([{"k": "a"}], 2))
    one.put(batch([{"k": "c"}], 3))
    assert list(files()) == ["t/k=b/t+0+0000000001.json"]
    assert one.flush() == {("t", 0): 0}  # of a, which is open since the beginning


def test_a_stop_finishes_what_is_open(sink, batch, files, unfinished):
    one = sink()
    one.open()
    one.put(batch([1, 2]))
    assert one.finish() == {("t", 0): 2}
    assert numbers(files()) == [1, 2]
    assert unfinished() == []


def test_a_partition_that_is_taken_away_is_finished_and_goes_on_with_another_task(sink, batch, files):
    one, other = sink(), sink()
    one.open()
    one.put(batch([1, 2]))
    with pytest.raises(RetriableError, match=r"partition 0 of topic 't' is written to .* by another task"):
        other.open()
    one.task.close_partitions([("t", 0)])
    assert other.open() == {("t", 0): 2}
    other.put(batch([3], 2))
    other.finish()
    assert numbers(files()) == [1, 2, 3]


def test_partitions_that_cannot_all_be_opened_are_not_open_at_all(sink):
    one, other, third = sink(), sink(), sink()
    one.open(("t", 1))
    with pytest.raises(RetriableError):
        other.open(("t", 0), ("t", 1))
    assert third.open(("t", 0)) == {}


def test_after_a_kill_what_was_not_finished_is_removed_and_comes_again(sink, batch, files, unfinished):
    one = sink(flush_size="20000")
    one.open()
    one.put(batch([f"record {number}" for number in range(35_000)]))
    assert unfinished()
    one.die()
    again = sink()
    assert again.open() == {("t", 0): 20_000}
    assert unfinished() == []
    again.put(batch([f"record {number}" for number in range(20_000, 20_010)], 20_000))
    again.finish()
    assert numbers(files()) == [f"record {number}" for number in range(20_010)]


def test_after_a_kill_finished_files_of_other_folders_are_not_written_again(sink, batch, files):
    config = {"partitioner_class": "FieldPartitioner", "partition_field_name": "k", "flush_size": "2"}
    values = [{"k": k, "n": n} for n, k in enumerate("abbbab")]
    one = sink(**config)
    one.open()
    one.put(batch(values[:4]))  # a: 0, b: 1 2 | 3
    assert list(files()) == ["t/k=b/t+0+0000000001.json"]
    one.die()
    again = sink(**config)
    assert again.open() == {("t", 0): 0}
    again.put(batch(values))
    again.finish()
    assert sorted(one["n"] for one in numbers(files())) == [0, 1, 2, 3, 4, 5]


def test_finished_files_that_somebody_moved_away_do_not_come_again(sink, batch, files, folder):
    one = sink(flush_size="2")
    one.open()
    one.put(batch([1, 2, 3]))
    for path in (folder / "t").rglob("*.json"):
        path.unlink()
    one.die()
    assert sink().open() == {("t", 0): 2}


def test_wall_clock_folders_do_not_bring_a_record_twice(sink, batch, files, monkeypatch):
    now = 1_700_000_000.0
    monkeypatch.setattr(task_module.time, "time", lambda: now)
    config = {
        "path_template": "${field:k}/${time:HHmm}/${start_offset}",
        "timestamp_extractor": "Wallclock",
        "flush_size": "2",
        "rotate_schedule_interval_ms": "-1",
    }
    values = [{"k": k, "n": n} for n, k in enumerate("abb")]
    one = sink(**config)
    one.open()
    one.put(batch(values))
    one.die()
    now += 3600
    again = sink(**config)
    again.open()
    again.put(batch(values))
    again.finish()
    assert sorted(one["n"] for one in numbers(files())) == [0, 1, 2]


class Killed(BaseException):
    """Nobody catches it, as nobody does a kill."""


def killing(monkeypatch, at_call, *, behind):
    """Have a call of the system, counted over all of those that change a disk, be the last one."""
    calls = 0

    def deadly(function):
        def call(*args, **more):
            nonlocal calls
            calls += 1
            if calls == at_call and not behind:
                raise Killed
            found = function(*args, **more)
            if calls == at_call:
                raise Killed
            return found

        return call

    for owner, name in ((os, "write"), (os, "fsync"), (os, "ftruncate")):
        monkeypatch.setattr(owner, name, deadly(getattr(owner, name)))
    for name in ("rename", "replace", "mkdir", "unlink"):
        monkeypatch.setattr(Path, name, deadly(getattr(Path, name)))
    return lambda: calls


@pytest.mark.slow
@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("format_", ["json", "csv", "parquet", "whole"])
def test_killed_at_any_call_of_the_system_each_record_is_once_in_finished_files(
    tmp_path, start_sink, batch, monkeypatch, finished_in, format_, behind
):
    config = {
        "format": format_,
        "flush_size": "3",
        "partitioner_class": "FieldPartitioner",
        "partition_field_name": "k",
        "fsync_policy": "always",
    }
    if format_ == "whole":
        config |= {"partitioner_class": "DefaultPartitioner"}
    schema = None if format_ == "json" else Schema.struct({"k": STRING, "n": INT64})
    values = [{"k": "aabacbbca"[n % 9], "n": n} for n in range(18)]
    if format_ == "whole":
        values, schema = [str(n) for n in range(18)], STRING

    def run(folder, committed):
        one = start_sink(folder, **config)
        try:
            begin = one.open().get(("t", 0), committed.get(("t", 0), 0))
            while begin < len(values):
                one.put(batch(values[begin : begin + 5], begin, schema=schema))
                begin = min(begin + 5, len(values))
                committed |= one.flush()
            one.finish()
        finally:
            one.die()

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a kill loses nothing that was written
    at_call, calls = 0, 1
    while calls >= at_call:
        at_call += 1
        folder, committed = tmp_path / str(at_call), {}
        folder.mkdir()
        with monkeypatch.context() as patched:
            counted = killing(patched, at_call, behind=behind)
            with contextlib.suppress(Killed):
                run(folder, committed)
            calls = counted()
        run(folder, committed)
        assert sorted(read_all(format_, finished_in(folder))) == list(range(18)), f"killed at call {at_call}"
        assert not list(folder.rglob("*.part"))
    assert at_call > 20


def read_all(format_, files):
    """Return the numbers that files of a format hold."""
    if format_ == "parquet":
        return [row["n"] for data in files.values() for row in parquet.read_table(io.BytesIO(data)).to_pylist()]
    if format_ == "csv":
        return [int(row["n"]) for data in files.values() for row in csv.DictReader(data.decode().splitlines())]
    if format_ == "whole":
        return [int(data) for data in files.values()]
    return [one["n"] for one in numbers(files)]


def test_two_connectors_with_one_folder_never_write_over_one_another(sink, batch, files):
    for name in ("one", "two", "three"):
        started = sink(name)
        started.open()
        started.put(batch([name]))
        started.finish()
    assert files() == {
        "t/partition=0/t+0+0000000000.json": b'"one"\n',
        "t/partition=0/t+0+0000000000-1.json": b'"two"\n',
        "t/partition=0/t+0+0000000000-2.json": b'"three"\n',
    }


def test_a_topic_that_was_made_again_begins_anew(sink, batch):
    one = sink()
    one.open()
    one.put(batch([1]))
    one.finish()
    again = sink()
    again.context.ids["t"] = "another"
    assert again.open() == {}


def test_records_that_were_dropped_behind_the_last_file_do_not_come_again(sink, batch):
    one = sink(flush_size="1")
    one.open()
    one.put(batch([1]))
    one.context.positions["t", 0] = 5
    assert one.flush() == {("t", 0): 5}
    one.die()
    assert sink().open() == {("t", 0): 5}


def test_records_of_one_offset_stay_in_one_file(sink, batch, files):
    one = sink(flush_size="2")
    one.open()
    made = batch([1, 2, 3, 4])
    one.put(made.replace(offsets=[0, 1, 1, 2]))
    assert list(files().values()) == [b"1\n2\n3\n"]


def test_a_file_waits_while_its_last_offset_is_not_dealt_with(sink, batch, files):
    one = sink(flush_size="2")
    one.open()
    one.context.positions["t", 0] = 1
    one.task.put_batches([batch([1, 2])])
    assert files() == {}
    one.context.positions["t", 0] = 2
    one.flush()
    assert list(files().values()) == [b"1\n2\n"]


def test_a_batch_with_a_bad_record_leaves_nothing_and_names_it(sink, batch, files):
    one = sink(format="csv")
    one.open()
    with pytest.raises(DataError, match="no columns") as caught:
        one.put(batch([{"a": 1}, 7, {"a": 2}]), batch(["x"], 3))
    assert [failed.index for failed in caught.value.failed] == [1, 3]
    one.put(batch([{"a": 1}]))
    one.finish()
    assert list(files().values()) == [b"a\n1\n"]


@pytest.mark.parametrize(("nulls", "found"), [("ignore", b"1\n2\n"), ("write", b"1\nnull\n2\n")])
def test_null_values_are_left_out_or_written(sink, batch, files, nulls, found):
    one = sink(behavior_on_null_values=nulls)
    one.open()
    one.put(batch([1, None, 2]))
    assert one.finish() == {("t", 0): 3}
    assert list(files().values()) == [found]


def test_a_null_value_is_a_bad_record_else(sink, batch):
    one = sink()
    one.open()
    with pytest.raises(DataError, match="value of the record is null") as caught:
        one.put(batch([1, None]))
    assert [failed.index for failed in caught.value.failed] == [1]


def test_records_without_an_offset_are_refused_by_the_word_of_what_made_them(sink, batch):
    one = sink()
    one.open()
    with pytest.raises(ConfigError, match="made by a transform"):
        one.task.put_batches([batch([1]).replace(offsets=None)])


def test_a_full_disk_keeps_what_was_put_and_writes_it_later(sink, batch, files, caplog):
    one = sink(flush_size="2")
    one.open()
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, kept[1]))
    try:
        one.put(batch(["x" * 80, "y" * 80]))
        assert "kept in memory" in caplog.text
        with pytest.raises(RetriableError, match=r"folder .* cannot be written: File too large") as caught:
            one.put(batch(["z"], 2))
        with pytest.raises(RetriableError):
            one.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert caught.value.code == "environment.disk"
    one.put(batch(["z"], 2))
    assert one.flush() == {("t", 0): 2}
    one.finish()
    assert numbers(files()) == ["x" * 80, "y" * 80, "z"]


def test_a_folder_that_turns_read_only_is_an_outage(sink, batch, files, folder):
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    one = sink(flush_size="1")
    one.open()
    folder.chmod(0o500)
    try:
        one.put(batch([1]))
        with pytest.raises(RetriableError, match="Permission denied"):
            one.flush()
    finally:
        folder.chmod(0o700)
    assert one.flush() == {("t", 0): 1}


def test_a_failing_fsync_fails_the_task(sink, batch, files, monkeypatch):
    one = sink(flush_size="1")
    one.open()

    def fails(descriptor):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(EnvironmentFault, match="cannot be flushed: Input/output error"):
            one.put(batch([1]))
    one.die()
    assert sink().open() == {}
    assert files() == {}


def test_a_folder_that_is_not_there_is_a_config_error(folder, start_sink):
    with pytest.raises(ConfigError, match="no' is not there") as caught:
        start_sink(folder / "no")
    assert (caught.value.code, caught.value.config_path) == ("file.unwritable", "folder")


def test_a_folder_within_that_the_worker_does_not_allow_is_not_written_to(sink, batch, folder):
    closed = folder / "t"
    closed.mkdir()
    one = sink(flush_size="1")
    one.open()
    with in_force(FileRules(closed=(str(closed.resolve()),))), pytest.raises(ConfigError, match="is not allowed"):
        one.put(batch([1]))


def test_a_link_that_leads_out_of_the_folder_is_not_followed(sink, batch, folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "t").symlink_to(tmp_path / "elsewhere")
    one = sink(flush_size="1")
    one.open()
    with pytest.raises(ConfigError, match="leads by a link to"):
        one.put(batch([1]))
    assert not any((tmp_path / "elsewhere").iterdir())


def test_no_value_leads_out_of_the_folder(sink, batch, folder, files):
    one = sink(path_template="${field:k}/${field:k}-${start_offset}")
    one.open()
    names = ["..", ".", "../../x", "/etc/x", "a\0b", ".connect-sink", "", "\udc80", "x" * 5000, "%2E.", "a\\b", "\n"]
    one.put(batch([{"k": name} for name in names]))
    one.finish()
    assert len(numbers(files())) == len(names)
    assert {path.name for path in folder.parent.iterdir()} == {"out"}
    assert all(len(part.encode()) <= 255 for path in files() for part in Path(path).parts)


@pytest.mark.parametrize("format_", ["json", "whole"])
def test_a_put_of_more_files_than_a_process_may_have_open_is_written(sink, batch, files, format_):
    by_field = {"partitioner_class": "FieldPartitioner", "partition_field_name": "k"}
    one = sink(format=format_, **(by_field if format_ == "json" else {}))
    one.open()
    values = [{"k": f"{n:03}"} if format_ == "json" else f"{n:03}" for n in range(300)]
    kept = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/dev/fd").iterdir())) + 150, kept[1]))
    try:
        one.put(batch(values))
        one.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, kept)
    assert len(files()) == 300


def test_an_unfinished_file_that_somebody_removed_is_not_taken_for_one_that_was_renamed(sink, batch, folder, files):
    one = sink()
    one.open()
    one.put(batch(["x" * 200_000]))
    [path] = folder.rglob("*.part")
    path.unlink()
    with pytest.raises(EnvironmentFault, match="was removed by somebody else") as caught:
        one.finish()
    assert caught.value.code == "file.changed"
    one.die()
    again = sink()
    assert again.open() == {}
    again.put(batch(["x" * 200_000]))
    again.finish()
    assert numbers(files()) == ["x" * 200_000]


def test_what_is_in_the_way_of_a_folder_is_named(sink, batch, folder):
    (folder / "t").write_text("in the way")
    one = sink(flush_size="1")
    one.open()
    one.put(batch([1]))
    with pytest.raises(RetriableError, match=r"cannot be written: .*, at '.*/out/t"):
        one.flush()


def test_a_file_that_is_open_for_long_keeps_no_endless_list_of_what_is_finished_ahead(
    sink, batch, files, folder, monkeypatch
):
    monkeypatch.setattr(task_module, "AHEAD_MAX", 20)
    one = sink(open_files_max="2", partitioner_class="FieldPartitioner", partition_field_name="k", fsync_policy="never")
    one.open()
    named = 0
    for first in range(0, 200, 5):
        one.put(batch([*({"k": f"{first + n}"} for n in range(4)), {"k": "often"}], first))
        [journal] = folder.rglob(".connect-sink/*/*.json")
        named = max(named, len(json.loads(journal.read_text())["ends"]))
    one.finish()
    assert named <= 30
    assert len(numbers(files())) == 200
