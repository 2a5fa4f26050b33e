"""Texts that hold configs, and what they were taken for."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, example
from connect.rest.models.examples import CONFIG, NAME


class ParseConfigs(
    Body, extra="forbid", json_schema_extra={"examples": [{"text": "name=orders\nconnector.class=FileStreamSource\n"}]}
):
    """A text as somebody has it: JSON, Java properties, YAML, records of a config topic, a command of curl."""

    text: str = Field(description="text")


# -- answers -------------------------------------------------------------------------------------------------------


class ReadConnector(TypedDict):
    """A connector that could be made of the text; its name is empty where the text has none."""

    name: str
    config: dict[str, str]


@example({"took_it_for": "Java properties", "connectors": [{"name": NAME, "config": dict(CONFIG)}], "notes": []})
class ReadConfigs(TypedDict):
    """What a text was taken for, its connectors, and what was left out, changed or is missing."""

    took_it_for: str
    connectors: list[ReadConnector]
    notes: list[str]
