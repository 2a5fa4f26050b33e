"""The examples in the reference run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("page", ["converters", "schemas"])
def test_the_examples_of_a_page_show_what_happens(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (REFERENCE / f"{page}.md").read_text().replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    assert len(test.examples) > 5
    failed = doctest.DocTestRunner().run(test).failed
    assert failed == 0, capsys.readouterr().out
