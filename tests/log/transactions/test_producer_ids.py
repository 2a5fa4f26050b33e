"""Producer ids: never twice in the life of a data directory."""

from __future__ import annotations

import json

import pytest

from connect.api import EnvironmentFault
from connect.log.transactions.producer_ids import PRODUCER_IDS_FILE, ProducerIds
from tests.support.disk import FaultyDisk


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


def test_ids_rise_from_0_and_a_block_is_on_disk_before_its_first_one_is_used(tmp_path, disk):
    ids = ProducerIds(tmp_path, disk)
    assert [ids.take() for _ in range(3)] == [0, 1, 2]
    assert json.loads((tmp_path / PRODUCER_IDS_FILE).read_text()) == {"version": 1, "next_producer_id": 1000}
    assert [step for step, _ in disk.steps].count("sync_file") == 1


def test_none_comes_twice_whatever_was_used_of_a_block(tmp_path, disk):
    first = ProducerIds(tmp_path, disk)
    used = {first.take() for _ in range(1001)}
    second = ProducerIds(tmp_path, disk)
    assert len(used) == 1001
    assert second.take() == 2000


def test_where_the_disk_refuses_no_id_is_given_and_none_is_lost(tmp_path, disk):
    ids = ProducerIds(tmp_path, disk)
    disk.refuse("rename", PRODUCER_IDS_FILE, times=1)
    with pytest.raises(EnvironmentFault, match="cannot write") as caught:
        ids.take()
    assert caught.value.code == "environment.disk"
    assert ids.take() == 0


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"next_producer_id": "x"}', b'{"next_producer_id": null}'])
def test_a_file_that_is_damaged_gives_no_id_and_says_how_to_mend_it(tmp_path, disk, content):
    (tmp_path / PRODUCER_IDS_FILE).write_bytes(content)
    with pytest.raises(EnvironmentFault) as caught:
        ProducerIds(tmp_path, disk).take()
    assert caught.value.code == "environment.data_dir"
    assert "connect log repair" in (caught.value.hint or "")
