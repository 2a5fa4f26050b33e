"""The reference pages show every key of their connectors, with type, default and importance."""

from pathlib import Path

import pytest

from connect_datagen import DatagenConnector
from connect_file import FileStreamSinkConnector, FileStreamSourceConnector, FolderSinkConnector

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("connector", "page"),
    [
        (FileStreamSourceConnector, "connector-file.md"),
        (FileStreamSinkConnector, "connector-file.md"),
        (FolderSinkConnector, "connector-file.md"),
        (DatagenConnector, "connector-datagen.md"),
    ],
)
def test_each_key_is_on_the_page(connector, page):
    text = (REFERENCE / page).read_text()
    assert connector.class_name in text
    for key in connector.config_class.keys().values():
        default = "required" if key.required else {None: "null", "": '""'}.get(key.default_text, key.default_text)
        assert f"| `{key.name}` | {key.type} | {default} | {key.importance} | " in text
