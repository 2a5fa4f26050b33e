from __future__ import annotations

import logging

from connect.cli.logs.folding import ALIKE_MAX, FROM_ONE_MAX, Folding


def line(message: str, *args: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("a.b", level, "f.py", 1, message, args, None)


def written(folding: Folding, lines: list[logging.LogRecord], context: str = "") -> int:
    return sum(folding.is_written(one, context) for one in lines)


def test_lines_of_one_kind_are_written_up_to_the_bound_and_the_rest_is_a_count() -> None:
    folding = Folding()
    assert written(folding, [line("bad %d", number) for number in range(1000)]) == ALIKE_MAX
    (told,) = folding.taken()
    assert told.getMessage() == f"{1000 - ALIKE_MAX} more lines like this were not shown: bad 999"
    assert told.repeated == 1000 - ALIKE_MAX
    assert folding.due_in_s is None
    assert folding.taken() == []


def test_each_connector_has_a_bound_of_its_own() -> None:
    folding = Folding(1)
    assert folding.is_written(line("bad"), "[a|task-0] ")
    assert folding.is_written(line("bad"), "[b|task-0] ")
    assert not folding.is_written(line("bad"), "[a|task-0] ")


def test_what_one_speaker_says_is_bounded_only_where_that_is_asked_for() -> None:
    several = [line(f"bad {number}") for number in range(FROM_ONE_MAX + 5)]
    assert written(Folding(), several) == FROM_ONE_MAX
    assert written(Folding(ALIKE_MAX, 0), several) == len(several)


def test_of_a_speaker_who_says_something_else_each_time_little_is_remembered() -> None:
    folding = Folding()
    assert written(folding, [line(f"bad {number}") for number in range(10_000)]) == FROM_ONE_MAX
    assert len(folding._counts) < 2 * FROM_ONE_MAX, "a terminal that stands still lets no window end"
    (told,) = folding.taken()
    assert told.repeated == 10_000 - FROM_ONE_MAX


def test_lines_below_a_level_are_all_written() -> None:
    folding = Folding(1, below=logging.WARNING)
    assert written(folding, [line("step", level=logging.INFO)] * 100) == 100
    assert written(folding, [line("bad", level=logging.WARNING)] * 100) == 1


def test_no_bound_writes_all() -> None:
    assert written(Folding(0, 0), [line("bad")] * 100) == 100


def test_a_line_that_cannot_be_put_into_words_is_counted_by_its_pattern() -> None:
    folding = Folding(1)
    assert written(folding, [line("%d", "no number")] * 3) == 1
    assert folding.taken()[0].getMessage() == "2 more lines like this were not shown: %d"
