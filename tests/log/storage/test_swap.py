"""The order in which a compacted segment takes its place."""

from __future__ import annotations

from connect.log.storage.swap import commit_swap
from tests.support.disk import FaultyDisk


def test_the_old_segments_are_gone_for_good_before_the_new_one_has_its_name(tmp_path):
    disk = FaultyDisk()
    cleaned = tmp_path / f"{0:020d}.log.cleaned"
    old = [tmp_path / f"{base:020d}.log" for base in (0, 5)]
    for path in (cleaned, *old):
        path.write_bytes(path.name.encode())
    final = commit_swap(disk, cleaned, old)
    assert [path.name for path in tmp_path.iterdir()] == [final.name]
    assert final.read_bytes() == cleaned.name.encode()
    steps = [step for step, _ in disk.steps if step != "remove"]
    assert steps == ["rename", "sync_folder", "sync_folder", "rename", "sync_folder"]
    removals = [place for place, (step, _) in enumerate(disk.steps) if step == "remove"]
    assert removals
    syncs = [place for place, (step, _) in enumerate(disk.steps) if step == "sync_folder"]
    assert syncs[0] < removals[0]
    assert removals[-1] < syncs[1]
