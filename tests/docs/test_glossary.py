"""The glossary holds one line a word, in order, and every word that the style demands."""

from __future__ import annotations

import re

import pytest

from tests.docs.house_map import ROOT

TEXT = (ROOT / "docs" / "explanation" / "glossary.md").read_text()
LINES = [line for line in TEXT.splitlines() if line.startswith("- ")]
WORDS = [word for line in LINES for word in re.findall(r"\*\*(.+?)\*\*", line.partition(":")[0])]


def test_a_word_has_one_line_and_the_lines_are_in_order() -> None:
    first = [re.findall(r"\*\*(.+?)\*\*", line)[0].casefold() for line in LINES]
    assert first == sorted(set(first))
    assert len(WORDS) == len(set(WORDS))


def test_a_line_is_a_word_and_a_sentence() -> None:
    assert [line for line in LINES if not re.fullmatch(r"- \*\*.+?\*\*(, \*\*.+?\*\*)*: \S.*\.", line)] == []


@pytest.mark.parametrize(
    "word",
    [
        "topic", "partition", "offset", "segment", "base offset", "record batch", "log start offset", "log end offset",
        "high watermark", "leader epoch", "connector", "task", "worker", "herder", "converter", "transform",
        "predicate", "source partition", "source offset", "sink partition", "sink offset", "dead letter queue",
        "tombstone",
    ],
)  # fmt: skip
def test_kafkas_words_are_there(word: str) -> None:
    assert word in WORDS
