"""The keys of the file source, and what is refused."""

from __future__ import annotations

import pytest

from connect.api import ConfigError, InvalidConfigError
from connect_file import FileStreamSourceConnector


def test_the_config_needs_a_topic():
    with pytest.raises(InvalidConfigError, match='Missing required configuration "topic"'):
        FileStreamSourceConnector.config_class.parse({"file": "x"})


@pytest.mark.parametrize("charset", ["UTF-16", "base64", "nope", "", "cp037", "utf-7", "iso-2022-jp", "\0"])
def test_a_charset_in_which_lines_cannot_be_told_is_refused(tmp_path, source, charset):
    with pytest.raises(InvalidConfigError, match="charset"):
        source(tmp_path / "in.txt", charset=charset)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"format": "xml", "file": "x"}, "one of"),
        ({"format": "json"}, "'file' or 'files' is missing"),
        ({"format": "csv", "file": "x", "csv.header": "false"}, "'csv.columns' has to name the columns"),
        ({"format": "csv", "file": "x", "csv.columns": "a:number"}, "is no type of a column"),
        ({"format": "csv", "file": "x", "csv.delimiter": "ab"}, "one character"),
    ],
)
def test_a_config_that_makes_no_format_is_refused(config: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        FileStreamSourceConnector.config_class.parse({"topic": "t", **config})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"on.eof": "delete"}, "'file' or 'files' is missing"),
        ({"on.eof": "move", "file": "x"}, "both are needed, or neither"),
        ({"on.eof.folder": "y", "file": "x"}, "both are needed, or neither"),
        ({"on.eof": "burn", "file": "x"}, "one of"),
        ({"multiline.start": "(", "file": "x"}, "multiline.start"),
        ({"multiline.start": "x"}, "'file' or 'files' is missing"),
        ({"multiline.start": "x", "format": "json", "file": "x"}, "the format is 'json'"),
    ],
)
def test_a_config_that_makes_no_end_is_refused(config: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        FileStreamSourceConnector.config_class.parse({"topic": "t", **config})
