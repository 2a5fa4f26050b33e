"""What a worker that stops does not do any more, and how it says so."""

from __future__ import annotations

from typing import Final

from connect.api import ConnectError
from connect.api.error_codes import register_code

STOPPING: Final = register_code(
    "worker.stopping",
    "The worker stops, and takes no changes any more.",
    "Send the request again once a worker answers.",
)


class StoppingError(ConnectError):
    """The worker stops, and has not done what was asked of it, or not all of it."""

    default_code = STOPPING
    status = 503
