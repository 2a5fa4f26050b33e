from __future__ import annotations

from connect.api.error_codes import CODES
from connect.runtime.stopping import StoppingError


def test_what_a_worker_that_stops_leaves_undone_is_to_be_asked_for_again() -> None:
    error = StoppingError("the worker stops")
    assert (error.status, error.code, error.hint) == (503, "worker.stopping", CODES["worker.stopping"].hint)
