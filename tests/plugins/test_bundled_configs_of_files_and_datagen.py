"""The connector files in `configs/` parse, and what they read is there. That they run is tested with a worker."""

import json
from pathlib import Path

import pytest

from connect_datagen import DatagenConnector
from connect_file import FileStreamSinkConnector, FileStreamSourceConnector

CONFIGS = Path(__file__).parents[2] / "configs"
CONNECTORS = {c.class_name: c for c in (DatagenConnector, FileStreamSinkConnector, FileStreamSourceConnector)}


@pytest.mark.parametrize(
    "file", sorted([*CONFIGS.glob("file-*.json"), *CONFIGS.glob("datagen-*.json")]), ids=lambda f: f.stem
)
def test_a_bundled_config_is_right(file):
    body = json.loads(file.read_text())
    assert body["name"] == file.stem
    CONNECTORS[body["config"]["connector.class"]].config_class.parse(body["config"])
    if body["config"]["connector.class"].endswith("SourceConnector"):
        assert (CONFIGS.parent / body["config"]["file"]).is_file()
