"""incrementing.column.mapping and timestamp.columns.mapping: which tables have which columns, by patterns."""

from __future__ import annotations

from collections.abc import Sequence

from connect.api import ConfigError, compile_pattern
from connect_postgres.names import TableName


def check_ids(value: object) -> None:
    """Refuse what is no list of REGEX:COLUMN."""
    for entry in value if isinstance(value, list) else ():
        _compiled(*_id_entry(entry))


def check_times(value: object) -> None:
    """Refuse what is no list of REGEX:[COLUMN|COLUMN]."""
    for entry in value if isinstance(value, list) else ():
        _compiled(*_time_entry(entry))


def id_column(entries: Sequence[str], table: TableName, database: str) -> str:
    """Return the column of a table. May take as long as its patterns may: not on the event loop.

    Raises:
        ConfigError: No pattern fits, or several do.
    """
    return _one("incrementing.column.mapping", list(map(_id_entry, entries)), table, database)[0]


def time_columns(entries: Sequence[str], table: TableName, database: str) -> list[str]:
    """Return the columns of a table, as `id_column` does."""
    return _one("timestamp.columns.mapping", list(map(_time_entry, entries)), table, database)


def _one(key: str, entries: list[tuple[str, list[str]]], table: TableName, database: str) -> list[str]:
    forms = (table.name, str(table), f"{database}.{table}")
    fitting = [
        (pattern, columns)
        for pattern, columns in entries
        if any(compile_pattern(pattern, key=key).fullmatch(form) for form in forms)
    ]
    if len(fitting) == 1:
        return fitting[0][1]
    told = f"{', '.join(pattern for pattern, _ in fitting)} all fit" if fitting else "no pattern fits"
    raise ConfigError(
        f"table {table}: {told} in {key}, and exactly one is to fit",
        config_path=key,
        hint=f"Correct {key}; patterns are compared with TABLE, SCHEMA.TABLE and DATABASE.SCHEMA.TABLE.",
    )


def _id_entry(entry: str) -> tuple[str, list[str]]:
    pattern, colon, column = entry.rpartition(":")
    if not (colon and pattern.strip() and column.strip()):
        raise ValueError(f"REGEX:COLUMN is expected, not {entry!r}")
    return pattern.strip(), [column.strip()]


def _time_entry(entry: str) -> tuple[str, list[str]]:
    pattern, _, rest = entry.rpartition(":")
    columns = [column.strip() for column in rest.strip().removeprefix("[").removesuffix("]").split("|")]
    if not (pattern.strip() and rest.strip().startswith("[") and rest.strip().endswith("]") and all(columns)):
        raise ValueError(f"REGEX:[COLUMN|COLUMN] is expected, not {entry!r}")
    return pattern.strip(), columns


def _compiled(pattern: str, columns: list[str]) -> None:
    assert columns, "an entry has columns"
    try:
        compile_pattern(pattern)
    except ValueError as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
