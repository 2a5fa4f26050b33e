"""Connection URLs: the JDBC form and PostgreSQL's own become what asyncpg takes; and what of them may be shown.

Nothing here puts a URL, or a part of one that may be a password, into an error.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from connect.api import HIDDEN

EXPECTED: Final = "expected jdbc:postgresql://HOST:PORT/DATABASE or postgresql://HOST:PORT/DATABASE"
_SCHEMES: Final = ("postgresql", "postgres")
#: Parameters that mean the same to asyncpg; further ones of the JDBC driver are its own and are left out.
_SHARED: Final = (
    "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_min_protocol_version", "ssl_max_protocol_version",
    "options", "host", "port", "database", "passfile", "target_session_attrs", "application_name", "search_path",
)  # fmt: skip
#: Parameters of the JDBC driver with another name here.
_RENAMED: Final = {"ApplicationName": "application_name", "currentSchema": "search_path", "sslpassword": "sslpassword"}


def parse_url(url: str, user: str | None = None, password: str | None = None) -> str:
    """Return a connection URL as asyncpg takes it: 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?…'. A secret.

    Args:
        url: 'jdbc:postgresql:DATABASE', 'jdbc:postgresql://…', 'postgresql://…' or 'postgres://…'; several hosts are
            parted by commas.
        user, password: Go before those in the URL.

    Raises:
        ValueError: The URL is of another kind; the message has no part of it.
    """
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
    query = dict(parse_qsl(parts.query))
    user = user or query.get("user") or unquote(own_user)
    password = password or query.get("password") or unquote(own_password)
    _check_hosts(hosts)
    kept = {name: value for name, value in query.items() if name in _SHARED}
    kept.update((new, query[old]) for old, new in _RENAMED.items() if old in query)
    if query.get("ssl", "false").lower() in ("true", "") and "sslmode" not in kept:
        kept["sslmode"] = "verify-full"  # as the JDBC driver reads it
    who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@" if user else ""
    return urlunsplit(("postgresql", who + hosts, parts.path, urlencode(kept, quote_via=quote), ""))


def _check_hosts(hosts: str) -> None:
    for host in hosts.split(","):
        port = re.sub(r"^\[[^]]*\]|^[^:]*", "", host)
        if port and not re.fullmatch(r":[0-9]{1,5}", port):
            raise ValueError(f"{EXPECTED}; a port is a number, and '/', '@', ':' and '?' in a password are percent-encoded")  # fmt: skip


def redacted_url(url: str) -> str:
    """Return a URL in either form as it may be shown: every password is [hidden]. Rather too much is hidden than too little."""
    text = re.sub(r"(?i)([?&][^=&]*(?:password|passwd|pwd|secret|token)[^=&]*=)[^&]*", rf"\1{HIDDEN}", url)
    # Greedy up to the last '@': a password may hold any sign, percent-encoded or not.
    return re.sub(r"(://[^:@/?]*):.*@", rf"\1:{HIDDEN}@", text, flags=re.DOTALL)
