"""The line rules, against a plain statement of Kafka's."""

import re

from hypothesis import given
from hypothesis import strategies as st

from connect_file.lines import split_lines, whole_lines_bytes

text = [b"a", b"bc", "é".encode(), b"\xff", b"\x0b", b"\x85", "\u2028".encode()]
pieces = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", *text]))


def expected_lines(data: bytes) -> list[bytes]:
    """Lines with their ends; a \\r counts as an end only when the byte after it is known."""
    return re.findall(rb"[^\r\n]*(?:\r\n|\n|\r(?=[^\n]))", data)


@given(pieces.map(b"".join))
def test_whole_lines_are_those_whose_end_is_certain(data):
    assert data[: whole_lines_bytes(data)] == b"".join(expected_lines(data))


@given(pieces.map(b"".join), st.integers(1, 4))
def test_groups_hold_every_line_once_and_know_their_bytes(data, lines_max):
    whole = data[: whole_lines_bytes(data)]
    groups = split_lines(whole, lines_max)
    values = [line.rstrip(b"\r\n").decode(errors="replace") for line in expected_lines(data)]
    assert [value for group in groups for value in group.values] == values
    assert sum(group.size_bytes for group in groups) == len(whole)
    assert all(len(group.values) <= lines_max for group in groups)


@given(pieces.map(b"".join), st.integers(1, 4))
def test_reading_again_from_any_groups_end_gives_the_rest(data, lines_max):
    whole = data[: whole_lines_bytes(data)]
    groups = split_lines(whole, lines_max)
    position = 0
    for index, group in enumerate(groups):
        position += group.size_bytes
        rest = [value for later in groups[index + 1 :] for value in later.values]
        assert [value for later in split_lines(whole[position:], lines_max) for value in later.values] == rest
