"""What kind of failure an error is: an outage, which passes; a bad record; a wrong config; or a defect."""

from __future__ import annotations

from typing import Final, Literal, get_args

from connect.api import ConfigError, DataError, EnvironmentFault, RetriableError
from connect.api.errors import InternalTopicError
from connect.runtime.tasks.delivery import REFUSALS, may_pass

#: Errors of the operating system that a wait does not mend.
_LASTING: Final = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)

FailureKind = Literal["outage", "record", "config", "defect"]


_KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)


def failure_kind(word: str | None) -> FailureKind | None:
    """Return the kind that a stored word means; None where it means none."""
    return next((kind for kind in _KINDS if kind == word), None)


def kind_of(error: BaseException) -> FailureKind:
    """Tell an outage from a bad record, a wrong config and a defect.

    What caused the failure counts, if it is told; but not what a `ConfigError` came from, since whoever raised that
    knew that waiting does not help.
    """
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        at = at.__cause__
    lasting = [one for one in chain if isinstance(one, EnvironmentFault) and not may_pass(one)]
    if lasting:
        return "config" if all(one.code in REFUSALS for one in lasting) else "defect"
    for one in chain:
        if isinstance(one, ConfigError | InternalTopicError):  # a topic that is closed is named by a config
            return "config"
        if isinstance(one, RetriableError | EnvironmentFault | ConnectionError | TimeoutError):
            return "outage"
    if any(isinstance(one, DataError) for one in chain):
        return "record"
    return "outage" if any(isinstance(one, OSError) and not isinstance(one, _LASTING) for one in chain) else "defect"
