"""What a plugin's exception is on our side of the border.

Whatever was raised, with whatever text, comes out as something that can be told, kept and shown: the plugin's own
`ConnectError` where that is whole, and else a `PluginError` that names what was raised first, the call and the plugin.
"""

from __future__ import annotations

from typing import Final, NoReturn

from connect.api import ConnectError, PluginError
from connect.api.error_codes import CODES

PLUGIN_FAILED: Final = "plugin.failed"


def failure_of(error: BaseException, what: str, whom: str) -> Exception:
    """Return what a plugin's exception is on our side: its own `ConnectError`, or a `PluginError` that names it."""
    leaf = cause_of(error)
    if isinstance(leaf, ConnectError) and _is_whole(leaf):
        return leaf
    return PluginError(f"{told(leaf)} ({what} of {whom})", code=PLUGIN_FAILED)


def fail(error: BaseException, what: str, whom: str) -> NoReturn:
    """Raise what a plugin's exception is on our side; for use where it was caught."""
    failure = failure_of(error, what, whom)
    if failure is error:
        raise error
    raise failure from (error if isinstance(failure, PluginError) else None)


def cause_of(error: BaseException) -> BaseException:
    """Return what a group of exceptions was about: the first in it, however deep."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def told(error: BaseException) -> str:
    """Return an exception's class and text, whatever its `__str__` does."""
    try:
        text = f"{error}"
    except BaseException as again:
        text = f"its text cannot be had, since __str__ raised {type(again).__name__}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_plain(error: BaseException) -> bool:
    """Whether an exception can be told as it is: it can be printed, and as a `ConnectError` it is whole."""
    if isinstance(error, ConnectError):
        return _is_whole(error)
    try:
        str(error)
    except BaseException:
        return False
    return True


def _is_whole(error: ConnectError) -> bool:
    """Whether an error has what everybody reads of it: a subclass may have left out our constructor."""
    try:
        return isinstance(error.message, str) and error.code in CODES and isinstance(error.hint, str)
    except BaseException:
        return False
