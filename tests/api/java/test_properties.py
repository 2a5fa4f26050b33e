"""Java's properties files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect.api.java import parse_properties
from connect.api.java.properties import numbered_properties


def escaped(text: str) -> str:
    """Write text as java.util.Properties.store would."""
    out = []
    for char in text:
        if char in "\\=:#! \t\n\r\f":
            out.append({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}.get(char, "\\" + char))
        elif ord(char) < 32 or ord(char) > 126:
            units = char.encode("utf-16-be")
            out += [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
        else:
            out.append(char)
    return "".join(out)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.dictionaries(texts, texts, max_size=5))
def test_what_java_writes_is_read_back(wanted: dict[str, str]) -> None:
    assert parse_properties("\n".join(f"{escaped(k)}={escaped(v)}" for k, v in wanted.items())) == wanted


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a=1\n# comment\n! other\n\nb : 2\nc 3", {"a": "1", "b": "2", "c": "3"}),
        ("a = one, \\\n    two", {"a": "one, two"}),
        ("path=c:\\\\dir", {"path": "c:\\dir"}),
        ("empty=\nalone", {"empty": "", "alone": ""}),
        ("a=1\r\na=2", {"a": "2"}),
    ],
)
def test_the_forms_of_a_line(text: str, parsed: dict[str, str]) -> None:
    assert parse_properties(text) == parsed


def test_a_malformed_escape_is_told_with_its_line_and_not_quoted() -> None:
    with pytest.raises(ConfigError, match=r"^line 4: a \\uxxxx escape is malformed$"):
        parse_properties("a=1\n# comment\n\nb=\\\n  hunter2\\u12\n")


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    found = list(numbered_properties("a=1\n\n! x\nb=one\\\n two\r\na=2\n"))
    assert found == [(1, "a", "1"), (4, "b", "onetwo"), (6, "a", "2")]
