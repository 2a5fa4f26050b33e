"""The errors of schema contracts."""

from __future__ import annotations

from typing import Final

from connect.api import register_code

VIOLATED: Final = register_code(
    "contract.violated",
    "A record does not fit the schema that is known of its topic, and the connector's contract does not let that grow.",
    "See what is known with 'connect connector contract show NAME'. Mend the record's source, rename or drop the field "
    "with a transform, or let the contract grow on purpose, with 'connect connector contract set' or 'reset'.",
)
DISCARDED: Final = register_code(
    "contract.discarded",
    "The connector's contract leaves a record out, or a field of it, since it does not fit the schema that is known.",
    "See what is known with 'connect connector contract show NAME'; the record is in the dead letter queue where there "
    "is one.",
)
INCOMPATIBLE: Final = register_code(
    "contract.incompatible",
    "The schema of a record does not get on with the one before, as schema.compatibility asks for.",
    "See what is known with 'connect connector contract show NAME'; give new fields a default or make them optional, "
    "or take 'connect connector contract reset' to begin anew with the next schema.",
)
NO_SCHEMA: Final = register_code(
    "contract.no_schema",
    "schema.compatibility compares schemas, and a record has none, or one without a version in a sink.",
    "Use a converter that gives schemas with a version, such as those of a schema registry, or schema.contract, which "
    "looks at values.",
)
TOO_LARGE: Final = register_code(
    "contract.too_large",
    "The schema of a topic has too many fields for a contract, is nested too deeply, or contains itself.",
    "Use a map where names of fields are data, drop the field with a transform, or take schema.contract away.",
)
