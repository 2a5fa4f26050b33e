"""The files of one partition."""

import pytest

from connect_file.folder.encoding import BytesBody
from connect_file.folder.journal import Journal
from connect_file.folder.partition import PartitionFiles
from connect_file.folder.placing import prepare
from connect_file.folder.planning import Segment
from connect_file.folder.templates import Template
from connect_file.folder.times import Times


@pytest.fixture
def partition(folder):
    prepare(str(folder), "sink")
    journal = Journal(str(folder), "sink", ("t", 0))
    template = Template("${topic}-${start_offset}", Times("Record", None), ".x")
    found = PartitionFiles(journal, template, lambda layout: BytesBody(b""), syncs=False)
    yield found
    found.discard()


def segment(identity, first, end, *, is_new=False):
    return Segment(
        ("t", 0), identity, (identity, "-"), (), is_new, b"%d-%d\n" % (first, end), end - first, first, end, None
    )


def test_it_is_durable_up_to_the_first_record_that_is_in_no_finished_file(partition, files):
    assert partition.durable is None
    partition.take(segment("a", 0, 1), now=0, used=1)
    partition.take(segment("b", 1, 5), now=0, used=2)
    partition.position = 5
    assert partition.durable == 0
    partition.end(partition.open_files["b"])
    partition.finish()
    assert (partition.durable, list(files())) == (0, ["b-0000000001.x"])
    partition.end_all()
    partition.finish()
    assert (partition.durable, list(files())) == (5, ["a-0000000000.x", "b-0000000001.x"])


def test_a_file_that_another_takes_the_place_of_ends(partition, files):
    partition.take(segment("a", 0, 2), now=0, used=1)
    partition.take(segment("a", 2, 3, is_new=True), now=0, used=2)
    partition.position = 3
    partition.finish()
    assert files() == {"a-0000000000.x": b"0-2\n"}
    assert partition.durable == 2


def test_a_file_is_not_finished_ahead_of_one_that_has_its_last_offset(partition, files):
    partition.take(segment("a", 0, 2), now=0, used=1)
    partition.take(segment("a", 1, 3, is_new=True), now=0, used=2)
    partition.position = 3
    partition.finish()
    assert files() == {}
    partition.end_all()
    partition.finish()
    assert len(files()) == 2


def test_ends_that_the_offset_has_passed_are_forgotten(partition):
    partition.take(segment("a", 0, 1), now=0, used=1)
    partition.take(segment("b", 1, 2), now=0, used=1)
    partition.position = 2
    partition.end(partition.open_files["b"])
    partition.finish()
    assert partition._journal.ends == {"b": 2}
    partition.end_all()
    partition.finish()
    assert (partition._journal.offset, partition._journal.ends) == (2, {})


def test_a_position_behind_the_last_file_is_kept_once_nothing_is_under_way(partition):
    partition.take(segment("a", 0, 1), now=0, used=1)
    partition.position = 9
    partition.keep_position()
    assert partition._journal.offset is None
    partition.end_all()
    partition.finish()
    partition.position = 12
    partition.keep_position()
    assert partition._journal.offset == 12
