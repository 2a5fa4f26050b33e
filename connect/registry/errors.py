"""What the registry refuses, with the status, number and words that clients of Confluent's know."""

from __future__ import annotations

from typing import Final

from connect.api import ConnectError
from connect.api.error_codes import register_code

#: One of ours for all of Confluent's numbers: it is these that clients go by.
REFUSED: Final = register_code(
    "registry.refused",
    "The schema registry refuses a request; `error_code` of its answer says why, by Confluent's numbers.",
    "See docs/reference/schema-registry.md for what each number means.",
)
TOPIC_UNFIT: Final = register_code(
    "registry.topic",
    "The topic of the schema registry is not what it must be: one partition, and cleanup.policy=compact.",
    "Set it right with 'connect topic alter TOPIC --config cleanup.policy=compact', or name another topic in "
    "registry.storage.topic.",
)

LEVELS: Final = (
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
    "NONE",
)
MODES: Final = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT")


class RegistryError(ConnectError):
    """A request that is refused.

    Attributes:
        number: Confluent's `error_code`; its first three digits are the status.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message, code=REFUSED, hint="")
        self.number = number
        self.status = int(str(number)[:3])


def subject_not_found(subject: str | None) -> RegistryError:
    """40401."""
    return RegistryError(40401, f"Subject '{subject}' not found.")


def version_not_found(version: int) -> RegistryError:
    """40402."""
    return RegistryError(40402, f"Version {version} not found.")


def schema_not_found(what: int | str | None = None) -> RegistryError:
    """40403."""
    return RegistryError(40403, "Schema not found" if what is None else f"Schema {what} not found")


def subject_soft_deleted(subject: str) -> RegistryError:
    """40404."""
    return RegistryError(40404, f"Subject '{subject}' was soft deleted.Set permanent=true to delete permanently")


def subject_not_soft_deleted(subject: str) -> RegistryError:
    """40405."""
    return RegistryError(40405, f"Subject '{subject}' was not deleted first before being permanently deleted")


def version_soft_deleted(subject: str, version: int) -> RegistryError:
    """40406."""
    return RegistryError(
        40406, f"Subject '{subject}' Version {version} was soft deleted.Set permanent=true to delete permanently"
    )


def version_not_soft_deleted(subject: str, version: int) -> RegistryError:
    """40407."""
    return RegistryError(
        40407, f"Subject '{subject}' Version {version} was not deleted first before being permanently deleted"
    )


def no_config(subject: str) -> RegistryError:
    """40408."""
    return RegistryError(40408, f"Subject '{subject}' does not have subject-level compatibility configured")


def no_mode(subject: str | None) -> RegistryError:
    """40409."""
    return RegistryError(40409, f"Subject '{subject}' does not have subject-level mode configured")


def incompatible(subject: str, messages: list[str]) -> RegistryError:
    """409."""
    return RegistryError(
        409,
        f'Schema being registered is incompatible with an earlier schema for subject "{subject}", details: '
        f"[{', '.join(messages)}]",
    )


def invalid_schema(message: str) -> RegistryError:
    """42201."""
    return RegistryError(42201, message)


def invalid_version(text: str) -> RegistryError:
    """42202."""
    return RegistryError(
        42202,
        f"The specified version '{text}' is not a valid version id. "
        'Allowed values are between [1, 2^31-1] and the string "latest"',
    )


def invalid_level() -> RegistryError:
    """42203."""
    return RegistryError(
        42203,
        "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, "
        "forward_transitive, and full_transitive",
    )


def invalid_mode() -> RegistryError:
    """42204."""
    return RegistryError(42204, f"Invalid mode. Valid values are {', '.join(MODES[:-1])} and {MODES[-1]}.")


def not_permitted(message: str) -> RegistryError:
    """42205."""
    return RegistryError(42205, message)


def reference_exists(subject: str, version: int) -> RegistryError:
    """42206."""
    key = f"{{magic=1,keytype=SCHEMA,subject={subject},version={version}}}"
    return RegistryError(42206, f"One or more references exist to the schema {key}.")


def invalid_subject(subject: str) -> RegistryError:
    """42208."""
    return RegistryError(42208, f"The specified subject '{subject}' is not a valid.")


def too_large() -> RegistryError:
    """42209."""
    return RegistryError(42209, "Register operation failed because schema is too large")


def context_not_empty(context: str) -> RegistryError:
    """42211."""
    return RegistryError(42211, f"The specified context '{context}' is not empty.")


def store_failed(message: str) -> RegistryError:
    """50001."""
    return RegistryError(50001, message)
