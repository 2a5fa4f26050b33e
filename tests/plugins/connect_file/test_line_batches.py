"""Lines of one input: batches, character sets, and lines that are too long."""

import os

import pytest

from connect.api import DataError
from connect_file import lines
from tests.support.logs import logged


def test_a_carriage_return_at_the_end_waits_for_what_follows(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_bytes(b"one\rtwo\r\nthree\r")
    driver = source(file)
    assert driver.poll() == ["one", "two"]
    with file.open("ab") as writer:
        writer.write(b"\nfour\n")
    assert driver.poll() == ["three", "four"]


def test_batch_size_bounds_the_lines_of_a_batch_and_each_batch_has_its_own_offset(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("".join(f"{n}\n" for n in range(5)))
    batches = source(file, **{"batch.size": "2"}).batches()
    assert [b.values for b in batches] == [["0", "1"], ["2", "3"], ["4"]]
    assert [b.source_offset["position"] for b in batches] == [4, 8, 10]


def test_a_batch_size_of_zero_means_one_line_as_in_kafka(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("a\nb\n")
    assert [b.values for b in source(file, **{"batch.size": "0"}).batches()] == [["a"], ["b"]]


def test_a_line_longer_than_a_read_comes_in_one_piece(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("x" * (3 * lines.CHUNK_BYTES) + "\nshort\n")
    driver = source(file)
    found = [line for _ in range(4) for line in driver.poll()]
    assert [len(line) for line in found] == [3 * lines.CHUNK_BYTES, 5]


def test_a_line_without_end_in_sight_fails_with_its_position(tmp_path, source):
    file = tmp_path / "in.bin"
    file.write_bytes(b"one\n")
    os.truncate(file, lines.LINE_BYTES_MAX + (2 << 20))
    driver = source(file)
    with pytest.raises(DataError, match=r"has a line of more than 64 MiB at position 4") as caught:
        [driver.poll() for _ in range(100)]
    assert caught.value.code == "file.line_too_long"


def test_bytes_that_are_not_utf8_become_replacement_characters_with_one_warning(tmp_path, source, caplog):
    file = tmp_path / "in.txt"
    file.write_bytes(b"fine\nb\xffd\n")
    driver = source(file)
    [batch] = driver.batches()
    assert batch.values == ["fine", "b\ufffdd"]
    assert batch.source_offset == {"position": 9}
    with file.open("ab") as writer:
        writer.write(b"\xfe\n")
    assert driver.poll() == ["\ufffd"]
    assert caplog.text.count("is not all UTF-8") == 1


def test_a_charset_reads_what_is_not_utf_8(tmp_path, source, caplog):
    file = tmp_path / "in.txt"
    file.write_bytes("café\nplain\n€\n".encode("cp1252"))
    assert source(file, charset="windows-1252").poll() == ["café", "plain", "€"]
    assert logged(caplog) == []


def test_bytes_that_are_not_in_the_charset_are_a_data_error_with_their_position(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_bytes(b"one\ntwo\ncaf\xe9\n")
    driver = source(file, charset="UTF-8", **{"batch.size": "1"})
    assert driver.poll() == ["one", "two"]
    for _ in range(2):
        with pytest.raises(DataError, match=r"bytes at position 11 that are not UTF-8"):
            driver.poll()
