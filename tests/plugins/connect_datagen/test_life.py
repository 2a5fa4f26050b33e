"""Which row refers to which, and when it is deleted: from numbers alone."""

from collections import Counter
from fractions import Fraction

import pytest

from connect_datagen import life
from connect_datagen.life import NEVER, Reference, Rows

COUNT = 20_000


def child_of(parent, pick=life.uniform, rows=5, **more):
    return Rows(Fraction(rows), salt=3, references=[Reference("p", "parent", parent, pick, 4)], **more)


@pytest.mark.parametrize("rows", ["1", "5", "0.3", "4.5", "0.001"])
def test_the_round_of_a_row_is_the_one_in_which_it_is_counted(rows):
    table = Rows(Fraction(rows))
    for number in range(500):
        round_ = table.round_of(number)
        assert table.count_by(round_ - 1) <= number < table.count_by(round_)


@pytest.mark.parametrize("own", [0.0, 0.3])
def test_a_row_refers_to_one_that_is_there_and_goes_no_later(own):
    grandparents = Rows(Fraction(1), deleted=0.9, deleted_within=20, salt=1)
    parents = Rows(
        Fraction(3),
        deleted=own,
        deleted_within=9,
        salt=2,
        references=[Reference("g", "g", grandparents, life.uniform, 9)],
    )
    children = child_of(parents)
    [reference] = children.references
    for number in range(5000):
        parent = children.parent(reference, number)
        assert parent < parents.count_by(children.round_of(number))
        assert children.round_of(number) < parents.deleted_in(parent)
        assert children.round_of(number) < children.deleted_in(number) <= parents.deleted_in(parent)


def test_columns_say_what_single_rows_do():
    for parent in (Rows(Fraction(2)), Rows(Fraction(2), deleted=0.5, deleted_within=30, salt=1)):
        children = child_of(parent, deleted=0.1, deleted_within=7)
        [reference] = children.references
        for numbers in (range(300), range(1000, 1300)):
            column = children.parent_column(reference, numbers)
            assert column == [children.parent(reference, number) for number in numbers]
            ends = child_of(parent, deleted=0.1, deleted_within=7).deleted_column(numbers, [column])
            assert ends == [children.deleted_in(number) for number in numbers]


def test_the_share_that_is_deleted_is_the_one_asked_for():
    table = Rows(Fraction(1), deleted=0.25, deleted_within=40, salt=5)
    waits = [table.deleted_in(n) - table.round_of(n) for n in range(COUNT) if table.deleted_in(n) != NEVER]
    assert len(waits) == pytest.approx(0.25 * COUNT, rel=0.1)
    assert set(waits) == set(range(1, 41))


def test_where_all_rows_are_deleted_the_first_one_is_left_to_refer_to():
    parents = Rows(Fraction("0.01"), deleted=1.0, deleted_within=1, salt=1)
    children = child_of(parents, rows=1)
    assert parents.deleted_in(0) == NEVER
    assert {children.parent(children.references[0], number) for number in range(150, 200)} == {0}


def test_what_was_found_about_a_million_rows_is_not_all_kept():
    table = Rows(Fraction(1), deleted=0.5, deleted_within=9, salt=1)
    for number in range(250_000):
        table.deleted_in(number)
    assert len(table._known) <= 100_000


def chosen(pick, count=1000):
    return Counter(pick(life.mixed(number, 1) * 2.0**-64, count, number) for number in range(COUNT))


@pytest.mark.parametrize(
    "pick", [life.uniform, life.zipf(1), life.zipf(0.5), life.zipf(2), life.hot(0.8, 0.2), life.recent(10)]
)
@pytest.mark.parametrize("count", [1, 2, 1000])
def test_each_way_to_pick_finds_rows_that_are_there(pick, count):
    assert set(chosen(pick, count)) <= set(range(count))


def test_the_ways_to_pick_are_as_skewed_as_they_say():
    assert max(chosen(life.uniform).values()) < 60
    zipf = chosen(life.zipf(1))
    assert zipf[0] > 1.5 * zipf[1] > 2 * zipf[3] > 0
    hot = chosen(life.hot(0.8, 0.2))
    assert sum(hot[row] for row in range(200)) == pytest.approx(0.8 * COUNT, rel=0.03)
    assert set(chosen(life.recent(10))) == set(range(990, 1000))


def test_each_row_is_taken_as_often_as_the_others():
    pick = life.each(Fraction(5, 2))
    assert set(Counter(pick(0.5, 10**9, number) for number in range(5000)).values()) == {2, 3}
