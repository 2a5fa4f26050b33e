from __future__ import annotations

import pytest

from connect.api import ConfigError, DataError, EnvironmentFault, PluginError, RetriableError
from connect.api.errors import InternalTopicError
from connect.kafka.errors import AUTHENTICATION, AUTHORIZATION
from connect.runtime.failure_kinds import FailureKind, kind_of


def wrapped(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EnvironmentFault("server away"), "outage"),
        (RetriableError("try again"), "outage"),
        (EnvironmentFault("gone for good", code="log.sync_failed"), "defect"),
        (EnvironmentFault("no ACL", code=AUTHORIZATION), "config"),
        (wrapped(PluginError("x"), EnvironmentFault("no such user", code=AUTHENTICATION)), "config"),
        (ConnectionResetError(), "outage"),
        (OSError(28, "disk full"), "outage"),
        (wrapped(DataError("gave up"), RetriableError("registry away")), "outage"),
        (DataError("no JSON"), "record"),
        (wrapped(DataError("bad"), ValueError("x")), "record"),
        (wrapped(ConfigError("no such folder"), FileNotFoundError()), "config"),
        (wrapped(ConfigError("the certificate is not trusted"), ConnectionError()), "config"),
        (InternalTopicError("it names the topic of configs"), "config"),
        (wrapped(PluginError("its file is gone"), FileNotFoundError()), "defect"),
        (ValueError("a bug"), "defect"),
    ],
)
def test_outages_are_told_from_bad_records_configs_and_defects(error: Exception, kind: FailureKind) -> None:
    assert kind_of(error) == kind
