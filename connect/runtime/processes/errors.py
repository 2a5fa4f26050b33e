"""A plugin's error on its way from its process into the worker: as it is, with the traceback of there as a note."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Final

from connect.api import ConnectError, DataError, PluginError, Problem, RetriableError, errors
from connect.api.config_values import InvalidConfigError
from connect.api.error_codes import CODES, register_code
from connect.runtime.border.failures import cause_of, failure_of

PLUGIN_CRASHED: Final = register_code(
    "plugin.crashed",
    "The process that a plugin runs in ended by itself, or was ended from outside.",
    "See how it ended and what it wrote last; restart the task once the cause is mended.",
)
PLUGIN_MEMORY: Final = register_code(
    "plugin.memory",
    "A plugin used more memory than plugin.memory.limit allows, so its process was ended.",
    "Raise plugin.memory.limit, or have the plugin hold less; a plugin that leaks has to be mended.",
)
OUTDATED: Final = register_code(
    "plugin.outdated",
    "The folder of a plugin with requirements has changed, or is gone, since its plugins were looked at.",
    "Refresh the plugins (POST /v1/plugins/refresh), and restart the connector.",
)
#: Characters of a traceback that cross.
TRACE_CHARS_MAX: Final = 20_000
_CODES_MAX: Final = 200
#: Characters of the message of an error whose own do not cross.
_CHARS_MAX: Final = 2000
_CLASSES: Final = {
    cls.__name__: cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, ConnectError) and cls is not InvalidConfigError
}


class ProcessFailedError(PluginError):
    """A plugin's process is gone, whatever was asked of it: `code` says why."""

    default_code = PLUGIN_CRASHED
    status = 503


class RemoteTraceback(Exception):
    """The traceback of an error in another process, as its cause."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def __str__(self) -> str:
        return f"in the plugin's process:\n{self._text}"


def described(error: BaseException, what: str, whom: str) -> dict[str, Any]:
    """Return an error of a plugin as plain values."""
    failure = failure_of(error, what, whom)
    assert isinstance(failure, ConnectError)
    text = "".join(traceback.format_exception(error))
    found: dict[str, Any] = {
        "class": next(cls.__name__ for cls in type(failure).__mro__ if cls.__name__ in _CLASSES),
        "message": failure.message,
        "code": failure.code,
        "hint": failure.hint,
        "config_path": failure.config_path,
        "trace": text[-TRACE_CHARS_MAX:],
        "system": _system_error_of(error),
    }
    if isinstance(failure, RetriableError):
        found["retry_after_ms"] = failure.retry_after_ms
    if isinstance(failure, DataError):
        found["failed"] = _plain_failed(failure.failed)
        found["details"] = failure.details if not isinstance(failure.details, Mapping) else dict(failure.details)
    if isinstance(failure, InvalidConfigError):
        found["problems"] = list(failure.problems)
    return found


def without_details(plain: Mapping[str, Any], why: str) -> dict[str, Any]:
    """Return a described error whose details do not cross as one that says so."""
    told = f"{plain['message'][:_CHARS_MAX]}; and what it says beside that cannot be told: {why}"
    return {
        **{name: plain[name] for name in ("trace", "system", "codes")},
        "class": PluginError.__name__, "message": told, "code": PluginError.default_code, "hint": PluginError("").hint,
    }  # fmt: skip


def restored(found: Any) -> ConnectError:
    """Return the error that `described` was given.

    Raises:
        ValueError: This describes none, whoever sent it.
    """
    if not isinstance(found, dict) or not _is_text(found, "message", "code", "hint", "trace", "class"):
        raise ValueError("no error")
    cls = _CLASSES.get(found["class"], PluginError)
    code = found["code"] if found["code"] in CODES else cls.default_code
    problems = found.get("problems")
    error: ConnectError
    if problems:
        if not isinstance(problems, list) or not all(isinstance(one, Problem) for one in problems):
            raise ValueError("no problems")
        error = InvalidConfigError(problems)
    elif issubclass(cls, DataError):
        error = cls(found["message"], code=code, failed=_failed(found.get("failed")), details=found.get("details"))
    elif issubclass(cls, RetriableError):
        wait_ms = found.get("retry_after_ms")
        error = cls(found["message"], code=code, retry_after_ms=wait_ms if type(wait_ms) is int else None)
    else:
        error = cls(found["message"], code=code)
    error.hint = found["hint"]
    path = found.get("config_path")
    error.config_path = path if isinstance(path, str) else error.config_path
    error.__cause__ = cause = RemoteTraceback(found["trace"])
    system = _SYSTEM_ERRORS.get(str(found.get("system")))
    cause.__cause__ = system(found["message"]) if system is not None else None
    return error


def codes() -> list[list[str]]:
    """Return the codes that a plugin has registered, with their meanings, from its process."""
    return [[one.code, one.meaning, one.hint] for one in CODES.values()]


def take_codes(found: Any) -> None:
    """Register the codes of a plugin that runs elsewhere, where nobody has them: its errors carry them."""
    for row in found if isinstance(found, list) else ():
        is_row = isinstance(row, list) and len(row) == 3 and all(isinstance(text, str) for text in row)
        if is_row and row[0] not in CODES and len(CODES) < _CODES_MAX + _own_count:
            register_code(*row)


_own_count = len(CODES)
#: What says whether a failure is an outage, which passes by itself; the first that fits.
_SYSTEM_ERRORS: Final[dict[str, type[OSError]]] = {
    cls.__name__: cls
    for cls in (
        ConnectionError,
        TimeoutError,
        FileNotFoundError,
        PermissionError,
        IsADirectoryError,
        NotADirectoryError,
        OSError,
    )
}


def _system_error_of(error: BaseException) -> str | None:
    """Return the kind of the operating system's error that a failure comes from; None where it comes from none."""
    at: BaseException | None = cause_of(error)
    for _ in range(20):
        if at is None:
            break
        for name, cls in _SYSTEM_ERRORS.items():
            if isinstance(at, cls):
                return name
        at = at.__cause__
    return None


def _is_text(found: dict[str, Any], *names: str) -> bool:
    return all(isinstance(found.get(name), str) for name in names)


def _plain_failed(failed: Any) -> Any:
    """Return the bad records that an error names, in plain form; what is no list goes as it is, and is refused where it
    arrives."""
    if not isinstance(failed, list | tuple):
        return failed
    return [
        [one.index, one.reason, dict(one.details) if isinstance(one.details, Mapping) else one.details]
        if isinstance(one, errors.FailedRecord)
        else list(one)
        if isinstance(one, tuple)
        else one
        for one in failed
    ]


def _failed(found: Any) -> Any:
    if not isinstance(found, list):
        return () if found is None else (found,)
    return tuple(errors.FailedRecord(*one) if isinstance(one, list) and len(one) in (2, 3) else one for one in found)
