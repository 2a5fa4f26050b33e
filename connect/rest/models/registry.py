"""Bodies that the schema registry takes. Members that it does not know are passed over, as in Confluent's, but where
they ask for something that would not be done."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class RegisterBody(BaseModel):
    """A schema, to be registered, looked up or compared."""

    model_config = ConfigDict(extra="ignore", populate_by_name=False)

    schema_text: str | None = Field(None, alias="schema", description="text")
    schema_type: str | None = Field(None, alias="schemaType", description="AVRO, JSON or PROTOBUF")
    references: list[dict[str, Any]] | None = Field(None, description="a list of {name, subject, version}")
    metadata: dict[str, Any] | None = Field(None, description="an object")
    rule_set: dict[str, Any] | None = Field(None, alias="ruleSet", description="an object")
    id: int | None = Field(None, ge=-1, lt=2**31, description="a whole number")
    version: int | None = Field(None, ge=-1, lt=2**31, description="a whole number")


class ConfigBody(BaseModel):
    """A config; what is left out stays as it is."""

    model_config = ConfigDict(extra="allow")

    compatibility: str | None = Field(None, description="a level of compatibility")
    normalize: bool | None = Field(None, description="true or false")
    alias: str | None = Field(None, description="a subject")
    compatibilityGroup: str | None = Field(None, description="the name of a property")  # noqa: N815 - as it is sent


class ModeBody(BaseModel):
    """A mode."""

    model_config = ConfigDict(extra="ignore")

    mode: str = Field(description="READWRITE, READONLY, READONLY_OVERRIDE or IMPORT")
