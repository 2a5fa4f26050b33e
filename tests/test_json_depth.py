from __future__ import annotations

from connect.json_depth import depth_exceeds


def test_depth_counts_objects_and_arrays_inside_each_other() -> None:
    assert not depth_exceeds(b'[{"a":[1]},{"b":[2]}]', 3)
    assert depth_exceeds(b'[{"a":[1]},{"b":[2]}]', 2)


def test_brackets_in_a_string_are_no_depth() -> None:
    assert not depth_exceeds(b'["[[[[\\"[[["]', 1)
