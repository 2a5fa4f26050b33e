"""What each SQLSTATE means for a connector: one table, asked by the five signs of the state, then by its class of two.

    DATA     a value or a row is not taken: tolerance and the dead letter queue decide about that record alone
    OUTAGE   it passes: the server restarts, a standby is promoted, a lock is given back, a disk gets room again
    CONFIG   it stays until somebody changes the config, the rights or the table
    FAULT    the server is broken in itself: a person must look at it

Both tables follow PostgreSQL's list of error codes (its appendix A, errcodes.txt). A state that is in neither is one
that a trigger or function made up with RAISE: while rows are written it speaks of a row, else of the config.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Failure(Enum):
    """Whose failure it is."""

    DATA = "data"
    OUTAGE = "outage"
    CONFIG = "config"
    FAULT = "fault"


_CLASSES: Final[dict[str, Failure]] = {
    **dict.fromkeys(
        (
            "02",
            "09",
            "20",
            "21",
            "22",
            "23",
            "27",  # no data, triggered action, case not found, cardinality, data, integrity
            "38",
            "44",
            "54",
            "P0",  # a function in another language, WITH CHECK OPTION, limits, PL/pgSQL
        ),
        Failure.DATA,
    ),
    **dict.fromkeys(
        (
            "08",
            "24",
            "25",
            "26",
            "34",
            "40",  # connection; transaction, cursor or statement gone; rollback
            "53",
            "57",
            "58",
            "72",  # resources, operator, system, snapshot too old
        ),
        Failure.OUTAGE,
    ),
    **dict.fromkeys(
        (
            "03",
            "0A",
            "0B",
            "0F",
            "0L",
            "0P",
            "0Z",
            "28",
            "2B",
            "2D",
            "2F",
            "39",
            "3B",
            "3D",
            "3F",
            "42",
            "55",
            "F0",
            "HV",
        ),
        Failure.CONFIG,
    ),
    "XX": Failure.FAULT,
}
#: Where a state is not of its class's kind.
_STATES: Final[dict[str, Failure]] = {
    "25001": Failure.CONFIG,   # cannot run inside a transaction
    "40002": Failure.DATA,     # transaction_integrity_constraint_violation: a deferred 23
    "42P05": Failure.OUTAGE,   # a pooler gave us a session that has this prepared statement already
    "54011": Failure.CONFIG,   # too many columns
    "54023": Failure.CONFIG,   # too many arguments
    "55006": Failure.OUTAGE,   # object in use
    "55P03": Failure.OUTAGE,   # lock not available
    "57P04": Failure.CONFIG,   # the database was dropped
    "HV00N": Failure.OUTAGE,   # a foreign server cannot be reached
}  # fmt: skip
#: Mostly of a statement; of a value where COPY has named the line that it is in.
_OF_A_LINE: Final = ("0A000", "42804", "42846")


def failure_of(state: str, *, writing: bool = False, of_a_line: bool = False) -> Failure:
    """Return whose failure a SQLSTATE is.

    Args:
        writing: Whether rows were being written.
        of_a_line: Whether the server named the line of a COPY.
    """
    if of_a_line and state in _OF_A_LINE:
        return Failure.DATA
    if not writing and state[:2] in ("02", "09", "27", "38", "P0"):
        return Failure.CONFIG  # a view or function that fails by itself, not over a row that was handed in
    known = _STATES.get(state) or _CLASSES.get(state[:2])
    if known is not None:
        return known
    return Failure.DATA if writing else Failure.CONFIG


#: What to do first, by state or class. Where nothing is said, the error's own code has a hint.
_HINTS: Final[dict[str, str]] = {
    "08": "Wait: the connection is made anew. Check network and server if it lasts.",
    "08P01": "A pooler or proxy between worker and server does not speak the protocol as PostgreSQL does: see its log.",
    "0A000": "Use a table and a statement that this server supports; the message says what it does not.",
    "21000": "A trigger, rule or function gave more than one row where one is expected: correct it, or the record.",
    "22": "Correct the record, or widen or retype the column.",
    "22001": "Widen the column, or shorten the field with a transform.",
    "22003": "Widen the column.",
    "22021": "Correct the record: PostgreSQL stores no U+0000, and text must be in the database's encoding.",
    "23": "Correct the record, or the constraint.",
    "23502": "Give the column a value or a default, or drop its NOT NULL.",
    "23503": (
        "Write the row that is referred to first, make the foreign key DEFERRABLE INITIALLY DEFERRED, so that it may "
        "come with the same put, or drop it."
    ),
    "23505": "Use insert.mode=upsert with pk.mode and pk.fields, so that a row that comes again replaces itself.",
    "23514": "Correct the record or the check; a partitioned table needs a partition for each row.",
    "23P01": "Correct the record: the exclusion constraint has a row already that conflicts with it.",
    "25006": (
        "Wait for the failover to end, or name the primary: "
        "list all hosts in connection.url with targetServerType=primary."
    ),
    "25P03": "Raise idle_in_transaction_session_timeout for the connector's user.",
    "25P04": "Raise transaction_timeout for the connector's user: a put is one transaction.",
    "26000": (
        "Switch prepared statements off for a pooler in transaction mode: add prepareThreshold=0 to connection.url."
    ),
    "28": "Check connection.user and connection.password, the role's LOGIN right and the server's pg_hba.conf.",
    "28P01": "Check connection.user and connection.password.",
    "3D000": "Create the database, or correct connection.url.",
    "3F000": "Create the schema, or change table.name.format.",
    "40": "Wait: it is tried again.",
    "42501": "Grant the connector's user the right.",
    "42601": "Correct the query or the key that the statement was made of.",
    "428C9": (
        "Leave the column out with fields.whitelist or the ReplaceField transform, or make it GENERATED BY DEFAULT."
    ),
    "42703": "Correct the column's name; names are compared with case.",
    "42804": "Give the column the type of the field, or convert the field with a transform.",
    "42809": "Name a table: this kind of object cannot be used so.",
    "42883": "Create the function or operator, or correct the query.",
    "42939": "Choose another name.",
    "42P01": "Check the table's name and schema; names are compared with case.",
    "42P05": (
        "Switch prepared statements off for a pooler in transaction mode: add prepareThreshold=0 to connection.url."
    ),
    "44000": "Correct the record, or the view's WHERE: it has WITH CHECK OPTION.",
    "53100": "Give the server's disk room.",
    "53200": "Give the server memory, or make batches smaller.",
    "53300": "Wait, or raise the server's max_connections or the role's or database's CONNECTION LIMIT.",
    "53400": "Raise the limit that the message names (temp_file_limit and the like).",
    "54": (
        "The value is beyond a limit of PostgreSQL (an index row takes about 2,700 bytes): "
        "shorten it, or drop or change the index."
    ),
    "54011": "A table takes at most 1,600 columns: leave fields out with fields.whitelist.",
    "55000": "Bring the object into the state that the message asks for.",
    "55P03": "Wait: it is tried again. Look for what holds the lock in pg_locks, or raise lock_timeout.",
    "57014": "Raise statement_timeout for the connector's user, or find out who cancels its statements.",
    "57P03": "Wait: the server starts, stops or recovers.",
    "57P04": "Create the database, or correct connection.url.",
    "58": "Look at the server's log and disk.",
    "P0": "The table's own trigger or function refuses the row: correct the record, or the trigger.",
    "XX": "Look at the server's log: it is broken in itself, or has run into a bug.",
}
_REFUSED_HINTS: Final = {
    "42": "Correct what the message names in the statement, the table or the config.",
}
_RAISED: Final = "A trigger or function raised it: correct the record, or the trigger."


def hint_of(state: str, failure: Failure) -> str | None:
    """Return what to do first about a state; None where the error's own code has a better word."""
    known = _HINTS.get(state) or _HINTS.get(state[:2]) or _REFUSED_HINTS.get(state[:2])
    if known is None and failure is Failure.DATA and state[:2] not in _CLASSES:
        return _RAISED
    return known
