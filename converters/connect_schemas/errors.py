"""The codes of what a registry, a schema or a record of it can be wrong in."""

from __future__ import annotations

from typing import Final

from connect.api import register_code

UNREACHABLE: Final = register_code(
    "schemas.registry_unreachable",
    "No schema registry answers, or the one that does cannot now.",
    "Check schema.registry.url and that the registry runs; the task goes on by itself once it answers.",
)
REFUSED: Final = register_code(
    "schemas.registry_refused",
    "The schema registry lets nobody in with these credentials, refuses the request, or is none.",
    "Check schema.registry.url, basic.auth.credentials.source and basic.auth.user.info; the message has its own words.",
)
UNKNOWN_ID: Final = register_code(
    "schemas.unknown_id",
    "A record names a schema that the registry does not have.",
    "See that schema.registry.url is the registry that the record's writer used.",
)
UNKNOWN_SUBJECT: Final = register_code(
    "schemas.unknown_subject",
    "The registry has no such subject, no such version of it, or not this schema under it.",
    "Register the schema, have its writer set auto.register.schemas=true, or choose another subject name strategy.",
)
INCOMPATIBLE: Final = register_code(
    "schemas.incompatible",
    "A schema does not get on with those that the registry has under its subject.",
    "Change the schema as the message says, or the compatibility level of the subject.",
)
INVALID: Final = register_code(
    "schemas.invalid",
    "A schema cannot be expressed in the format, or is none of that format.",
    "Change the schema as the message says.",
)
RULES: Final = register_code(
    "schemas.rules",
    "The registry has a rule for the schema that is not carried out here: it encrypts, checks or changes records.",
    "Read or write the topic with a client that has the rule, or disable the rule in the registry.",
)
WIRE_FORMAT: Final = register_code(
    "schemas.wire_format",
    "A record is not in the form of a schema registry's serializers: a zero byte, then the id of its schema.",
    "Give the topic the converter that its records were written with.",
)
