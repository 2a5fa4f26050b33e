"""Connection URLs: the JDBC form and PostgreSQL's own become what asyncpg takes; and what of them may be shown.

Nothing here puts a URL, or a part of one that may be a password, into an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from connect.api import HIDDEN
from connect_postgres.parameters import Parameters, RefusedParameter, read_parameters

EXPECTED: Final = "expected jdbc:postgresql://HOST:PORT/DATABASE or postgresql://HOST:PORT/DATABASE"
_SCHEMES: Final = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how to connect.

    Attributes:
        dsn: 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?…' as asyncpg takes it. A secret.
        hosts: The hosts in it, each with its port if it has one.
    """

    dsn: str
    hosts: tuple[str, ...]
    parameters: Parameters

    @property
    def dsns(self) -> list[str]:
        """One URL for each host, in order. Secrets."""
        parts = urlsplit(self.dsn)
        who = parts.netloc.rpartition("@")[0]
        return [urlunsplit(parts._replace(netloc=f"{who}@{host}" if who else host)) for host in self.hosts]


def parse_url(
    url: str, user: str | None = None, password: str | None = None, more: Mapping[str, str] | None = None
) -> str:
    """Return a connection URL as asyncpg takes it: 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?…'. A secret.

    Args:
        url: 'jdbc:postgresql:DATABASE', 'jdbc:postgresql://…', 'postgresql://…' or 'postgres://…'; several hosts are
            parted by commas.
        user, password: Go before those in the URL.
        more: Parameters beside those in the URL.

    Raises:
        ValueError: The URL is of another kind, or has a parameter that matters and cannot be heeded; the message has
            no part of it but names.
    """
    return parse_target(url, user, password, more).dsn


def parse_target(
    url: str, user: str | None = None, password: str | None = None, more: Mapping[str, str] | None = None
) -> Target:
    """As `parse_url`, with what of the parameters the driver's URL cannot hold."""
    text = url.strip().removeprefix("jdbc:")
    if re.match(r"postgresql:(?!//)", text):  # jdbc:postgresql:DATABASE and jdbc:postgresql:/
        text = "postgresql://localhost/" + text.removeprefix("postgresql:").lstrip("/")
    try:
        parts = urlsplit(text)
    except ValueError:  # it may quote the URL
        raise ValueError(EXPECTED) from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(EXPECTED)
    login, _, hosts = parts.netloc.rpartition("@")
    own_user, _, own_password = login.partition(":")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    user = user or query.get("user") or unquote(own_user)
    password = password or query.get("password") or unquote(own_password)
    _check_hosts(hosts)
    for name, value in (more or {}).items():
        if query.setdefault(name, value) != value:
            raise RefusedParameter(name, f"connection.url has another value for it than connection.{name}: remove one")
    parameters = read_parameters(query)
    who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@" if user else ""
    arguments = {name: value for name, value in parameters.driver.items() if value}
    dsn = urlunsplit(("postgresql", who + hosts, parts.path, urlencode(arguments, quote_via=quote), ""))
    return Target(dsn, tuple(hosts.split(",")), parameters)


def _check_hosts(hosts: str) -> None:
    for host in hosts.split(","):
        port = re.sub(r"^\[[^]]*\]|^[^:]*", "", host)
        if port and not re.fullmatch(r":[0-9]{1,5}", port):
            raise ValueError(
                f"{EXPECTED}; a port is a number, and '/', '@', ':' and '?' in a password are percent-encoded"
            )


def redacted_url(url: str) -> str:
    """Return a URL in either form as it may be shown: every password is [hidden].

    Rather too much is hidden than too little.
    """
    text = re.sub(r"(?i)([?&][^=&]*(?:password|passwd|pwd|secret|token)[^=&]*=)[^&]*", rf"\1{HIDDEN}", url)
    # Greedy up to the last '@': a password may hold any sign, percent-encoded or not.
    return re.sub(r"(://[^:@/?]*):.*@", rf"\1:{HIDDEN}@", text, flags=re.DOTALL)
