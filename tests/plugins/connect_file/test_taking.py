"""The formats of many files: records that can be read, and what becomes of those that cannot."""

from __future__ import annotations

import codecs
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connect.api import BYTES, STRING, DataError
from connect_file import taking


def append(file: Path, text: str) -> None:
    with file.open("a") as writer:
        writer.write(text)


AT_ONCE = {"on.eof.wait.ms": "0"}


def look(connector: Any) -> list[Any]:
    """Return the batches of one poll that looks for files, and of those behind it."""
    connector.drivers[0].task._input._looking.next_at = 0.0
    batches = []
    while more := connector.drivers[0].batches():
        batches += more
    return batches


def test_bytes_that_are_not_in_the_charset_fail_the_task_after_the_lines_before_them(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.txt"
    file.write_bytes(b"one\ncaf\xe9\n")
    [driver] = many(file, charset="UTF-8", **{"batch.size": "1"}).drivers
    assert driver.poll() == ["one"]
    with pytest.raises(DataError, match=r"at position 4 that cannot be read: it has bytes that are not UTF-8"):
        driver.poll()


def test_a_line_without_end_in_sight_fails_with_its_position(
    tmp_path: Path, many: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "LINE_BYTES_MAX", 1 << 20)
    file = tmp_path / "in.bin"
    file.write_bytes(b"one\n")
    os.truncate(file, 4 << 20)
    [driver] = many(file).drivers
    with pytest.raises(DataError, match=r"has a line of more than 1 MiB at position 4") as caught:
        [driver.poll() for _ in range(10)]
    assert caught.value.code == "file.line_too_long"


def test_csv_files_each_have_their_header_and_a_restart_knows_it(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,a\n")
    (tmp_path / "b.csv").write_text('name,id\n"b\nb",2\n')
    connector = many(tmp_path, format="csv", **{"csv.columns": "id:int32"})
    assert connector.read() == [{"id": 1, "name": "a"}, {"id": 2, "name": "b\nb"}]
    append(tmp_path / "a.csv", "3,c\n")
    append(tmp_path / "b.csv", 'd,4\n"open')
    connector.restart()
    assert connector.read() == [{"id": 3, "name": "c"}, {"id": 4, "name": "d"}]
    append(tmp_path / "b.csv", '\n",5\n')
    assert connector.read() == [{"id": 5, "name": "open\n"}]


def test_one_file_may_have_a_format_too_and_its_name_is_taken_as_it_stands(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in[1]*.json"
    file.write_text('{"a":1}\n')
    connector = many(format="json", file=str(file))
    assert connector.read() == [{"a": 1}]
    append(file, '{"a":2}\n')
    connector.restart()
    assert connector.read() == [{"a": 2}]


def test_a_record_that_cannot_be_read_ends_the_task_behind_those_in_front_of_it(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.json"
    file.write_text('{"a":1}\nnot json\n{"a":2}\n')
    connector = many(file, format="json")
    assert connector.drivers[0].poll() == [{"a": 1}]
    with pytest.raises(DataError, match=r"in.json' has a record at position 8 that cannot be read: it is not JSON"):
        connector.drivers[0].poll()


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["json", "csv"])
def test_records_that_cannot_be_read_are_left_out_where_they_are_tolerated(
    tmp_path: Path, many: Callable[..., Any], format_: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "in"
    begin, good, bad = {"json": ("", "[{}]\n", "nothing\n"), "csv": ("a,b\n", "{},x\n", "1,2,3\n")}[format_]
    file.write_text(begin + "".join(good.format(n) + bad for n in range(3000)))
    connector = many(file, format=format_, **{"errors.tolerance": "all", "batch.size": "7"})
    found = [value[0] if format_ == "json" else int(value["a"]) for value in connector.read()]
    assert found == list(range(3000))
    assert f"position {len(begin) + len(good.format(0))} that cannot be read" in caplog.text
    assert caplog.text.count("left out, since errors.tolerance=all") == taking.LEFT_OUT_TOLD
    connector.restart()
    assert connector.read() == []


def test_a_header_that_does_not_fit_is_told_with_the_file(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "in.csv").write_text("a,a\n1,2\n")
    connector = many(tmp_path, format="csv")
    with pytest.raises(DataError, match=r"in.csv' cannot be read: its header names 'a' twice"):
        connector.read()


def test_byte_order_marks_tell_the_character_set_and_are_no_text(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "a").write_bytes(codecs.BOM_UTF8 + "zwölf,a\n1,ü\n".encode())
    (tmp_path / "b").write_bytes("zwölf,b\n2,ü\n".encode("utf-16"))
    (tmp_path / "c").write_bytes("zwölf,c\n3,ü\n".encode("latin-1"))
    connector = many(tmp_path, format="csv", charset="ISO-8859-1")
    assert connector.read() == [{"zwölf": str(n), name: "ü"} for n, name in enumerate("abc", 1)]
    with (tmp_path / "b").open("ab") as writer:
        writer.write("4,ß\n".encode("utf-16")[2:])
    append(tmp_path / "a", "5,x\n")
    assert sorted(map(str, connector.read())) == ["{'zwölf': '4', 'b': 'ß'}", "{'zwölf': '5', 'a': 'x'}"]
    connector.restart()
    assert connector.read() == []


@pytest.mark.parametrize(
    ("config", "values"),
    [
        ({}, ["zwölf", "ß"]),
        ({"format": "json"}, [{"a": 1}, 2]),
        ({"format": "json", "charset": "ISO-8859-1"}, ["ü", 3]),
    ],
    ids=["lines", "json", "json of a charset"],
)
def test_the_mark_of_utf_8_is_no_part_of_the_first_record(
    tmp_path: Path, many: Callable[..., Any], config: dict[str, str], values: list[Any]
) -> None:
    texts = values if not config else [json.dumps(value, ensure_ascii=False) for value in values]
    (tmp_path / "a").write_bytes(codecs.BOM_UTF8 + "".join(f"{text}\n" for text in texts).encode())
    connector = many(tmp_path, **config)
    assert connector.read() == values
    connector.restart()
    assert connector.read() == []


@pytest.mark.parametrize("charset", [None, "UTF-8"])
def test_a_whole_file_is_one_record_with_its_path_as_the_key(
    tmp_path: Path, many: Callable[..., Any], charset: str | None
) -> None:
    file = tmp_path / "in.bin"
    file.write_bytes(gzip.compress(b"one\ntwo") if charset is None else b"one\ntwo")
    options = {} if charset is None else {"charset": charset}
    connector = many(tmp_path, format="whole", **options, **AT_ONCE)
    batches = [batch for _ in range(4) for batch in look(connector)]
    [(keys, values)] = [(batch.keys, batch.values) for batch in batches]
    assert (keys, values) == ([str(file)], [file.read_bytes() if charset is None else "one\ntwo"])
    assert batches[0].value_schema == (BYTES if charset is None else STRING)
    file.write_bytes(b"another")
    again = [batch for _ in range(4) for batch in look(connector)]
    assert [batch.values for batch in again] == [[b"another" if charset is None else "another"]]
    append(file, " and more")
    last = [batch for _ in range(4) for batch in look(connector)]
    assert [batch.values for batch in last] == [[b"another and more" if charset is None else "another and more"]]


def test_lines_without_the_start_of_a_record_belong_to_the_one_before(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.log"
    file.write_text("2024 one\n  at a\n  at b\n2024 two\n")
    connector = many(file, **{"multiline.start": r"^\d{4}", "on.eof.wait.ms": "3600000"})
    assert connector.read() == ["2024 one\n  at a\n  at b"]
    append(file, "  at c\n2024 thr")
    connector.restart()
    assert connector.read() == []  # the line of the next one has no end
    append(file, "ee\n2024 four\n")
    assert connector.read() == ["2024 two\n  at c", "2024 three"]
    quiet = many(file, **{"multiline.start": r"^\d{4}", **AT_ONCE})
    quiet.offsets.update(connector.offsets)
    append(file, "2024 fi")
    assert quiet.read() == ["2024 four"]
