from __future__ import annotations

from tests.support.order import dealt


def test_each_stretch_begins_with_a_part_of_what_is_slow() -> None:
    slow = [("a", 1), ("a", 2), ("b", 3), ("c", 4), ("b", 5), ("d", 6)]
    assert dealt(slow, range(10, 16), 3) == [1, 2, 10, 11, 3, 5, 12, 13, 4, 6, 14, 15]


def test_nothing_is_left_out_or_comes_twice_whatever_there_is() -> None:
    for slow, quick, count in ((0, 7, 3), (9, 0, 4), (5, 2, 1), (1, 1, 5), (0, 0, 2)):
        found = dealt([(number % 2, number) for number in range(slow)], range(slow, slow + quick), count)
        assert sorted(found) == list(range(slow + quick))
