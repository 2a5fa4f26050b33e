"""Parameters of a connection: every one that the JDBC driver or libpq knows is heeded, listed as harmless, or refused.

They come from the URL and from keys `connection.NAME` of the connector, as the JDBC connectors hand them to the driver.
What concerns security is never passed over: where it cannot be heeded the config is refused by the parameter's name.

Source: pgJDBC, org.postgresql.PGProperty; libpq, "Parameter Key Words".
"""

from __future__ import annotations

import difflib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Passed to the driver under this name.
_HEEDED: Final = {
    "sslmode": "sslmode",
    "sslrootcert": "sslrootcert",
    "sslcert": "sslcert",
    "sslkey": "sslkey",
    "sslpassword": "sslpassword",
    "sslcrl": "sslcrl",
    "sslNegotiation": "sslnegotiation",
    "sslnegotiation": "sslnegotiation",
    "ssl_min_protocol_version": "ssl_min_protocol_version",
    "ssl_max_protocol_version": "ssl_max_protocol_version",
    "options": "options",
    "ApplicationName": "application_name",
    "application_name": "application_name",
    "currentSchema": "search_path",
    "search_path": "search_path",
    "passfile": "passfile",
    "PGHOST": "host",
    "host": "host",
    "PGPORT": "port",
    "port": "port",
    "PGDBNAME": "database",
    "dbname": "database",
    "database": "database",
    "kerberosServerName": "krbsrvname",
    "krbsrvname": "krbsrvname",
    "gsslib": "gsslib",
}
#: Looked at by `_special`, or before: user and password.
_SPECIAL: Final = (
    "ssl",
    "sslfactory",
    "channelBinding",
    "channel_binding",
    "gssEncMode",
    "gssencmode",
    "targetServerType",
    "target_session_attrs",
    "prepareThreshold",
    "preparedStatementCacheQueries",
    "preferQueryMode",
    "connectTimeout",
    "connect_timeout",
    "loginTimeout",
    "readOnly",
    "client_encoding",
    "user",
    "password",
)
#: Parameters that change nothing of what is read, written or trusted here. Most are about the Java driver's inside.
HARMLESS: Final = (
    "adaptiveFetch", "adaptiveFetchMaximum", "adaptiveFetchMinimum", "allowEncodingChanges", "assumeMinServerVersion",
    "autosave", "binaryTransfer", "binaryTransferDisable", "binaryTransferEnable", "cancelSignalTimeout",
    "cleanupSavepoints", "convertBooleanToNumeric", "databaseMetadataCacheFields", "databaseMetadataCacheFieldsMiB",
    "defaultRowFetchSize", "disableColumnSanitiser", "escapeSyntaxCallMode", "groupStartupParameters",
    "gssResponseTimeout", "hideUnprivilegedObjects", "hostRecheckSeconds", "loadBalanceHosts", "load_balance_hosts",
    "logServerErrorDetail", "logUnclosedConnections", "loggerFile", "loggerLevel", "maxResultBuffer",
    "maxSendBufferSize", "preparedStatementCacheSizeMiB", "protocolVersion", "quoteReturningIdentifiers",
    "reWriteBatchedInserts", "readOnlyMode", "receiveBufferSize", "sendBufferSize", "socketTimeout",
    "sslResponseTimeout", "stringtype", "tcpKeepAlive", "tcpNoDelay", "unknownLength", "xmlFactoryFactory",
    "fallback_application_name", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
    "tcp_user_timeout", "sslcompression", "sslsni", "gssdelegation", "queryMode", "loglevel",
)  # fmt: skip
_TLS_HINT: Final = "use sslmode, sslrootcert, sslcert and sslkey, with files in PEM format"
#: Parameters that matter and cannot be heeded: why, or what to use.
_REFUSED: Final = {
    **dict.fromkeys(
        ("sslhostnameverifier", "sslfactoryarg", "sslpasswordcallback"), f"it names Java code; {_TLS_HINT}"
    ),
    **dict.fromkeys(("socketFactory", "socketFactoryArg"), "it names Java code that opens the connection another way"),
    "authenticationPluginClassName": (
        "it names Java code; use connection.password, with a config provider where it changes"
    ),
    **dict.fromkeys(
        ("jaasApplicationName", "jaasLogin", "gssUseDefaultCreds", "useSpnego", "sspiServiceClass"),
        "it is for Java's own Kerberos; use the credentials cache of the worker's account",
    ),
    "requireAuth": "which method the server asks for cannot be bounded; use sslmode=verify-full",
    "require_auth": "which method the server asks for cannot be bounded; use sslmode=verify-full",
    "requirepeer": "the server's account cannot be checked",
    "sslcertmode": "whether the server asks for a certificate cannot be bounded; leave it out",
    "sslcrldir": "use sslcrl, one file",
    "localSocketAddress": "the local address cannot be chosen",
    "hostaddr": "write the address in place of the host",
    "replication": "the connectors need an ordinary session",
    "service": "write host, port and database into connection.url",
    "servicefile": "write host, port and database into connection.url",
}
#: Values that ask for nothing, of parameters that are heeded or refused otherwise: the JDBC driver's own defaults.
_DEFAULTS: Final = {
    "gsslib": "auto",
    "jaasLogin": "true",
    "jaasApplicationName": "pgjdbc",
    "useSpnego": "false",
    "gssUseDefaultCreds": "false",
    "sspiServiceClass": "postgres",
    "replication": "false",
    "sslcertmode": "allow",
}
#: Which kinds of server are taken, in rounds over all hosts, as the driver's target_session_attrs has them.
_KINDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "targetServerType": {
        "any": ("any",), "primary": ("primary",), "master": ("primary",), "secondary": ("standby",),
        "slave": ("standby",), "preferSecondary": ("standby", "any"), "preferSlave": ("standby", "any"),
        "preferPrimary": ("primary", "any"),
    },
    "target_session_attrs": {
        "any": ("any",), "primary": ("primary",), "standby": ("standby",), "read-write": ("read-write",),
        "read-only": ("read-only",), "prefer-standby": ("standby", "any"),
    },
}  # fmt: skip
_TLS_VERSION_KEYS: Final = ("ssl_min_protocol_version", "ssl_max_protocol_version")
_TLS_VERSIONS: Final = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_SECONDS: Final = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{0,9})?")
_NON_VALIDATING: Final = "org.postgresql.ssl.NonValidatingFactory"
_LIBPQ_FACTORIES: Final = ("org.postgresql.ssl.LibPQFactory", "org.postgresql.ssl.jdbc4.LibPQFactory")


class RefusedParameter(ValueError):
    """A parameter cannot be heeded. The message names it and has no value that may be secret.

    Attributes:
        name: As it was given.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"parameter {name} cannot be heeded: {reason}")
        self.name = name


@dataclass(slots=True)
class Parameters:
    """What parameters mean for a connection.

    Attributes:
        driver: For the driver's URL. `sslpassword` is a secret.
        cache_statements: Whether prepared statements may outlive their transaction; False behind a pooler.
        kinds: Which kinds of server are taken, in rounds over all hosts.
        connect_timeout_s: None leaves it to us.
        read_only: Whether every transaction is to be read-only.
        unheeded: Names that are not known to driver or libpq, and passed over.
    """

    driver: dict[str, str] = field(default_factory=dict)
    cache_statements: bool = True
    kinds: tuple[str, ...] = ("any",)
    connect_timeout_s: float | None = None
    read_only: bool = False
    unheeded: list[str] = field(default_factory=list)


def read_parameters(given: Mapping[str, str]) -> Parameters:
    """Sort parameters, by the driver's names.

    Raises:
        RefusedParameter: One matters and cannot be heeded, or is nearly the name of one that matters.
    """
    found = Parameters()
    for name, value in given.items():
        if value.lower() == _DEFAULTS.get(name):
            continue
        if name in _TLS_VERSION_KEYS and value not in _TLS_VERSIONS:
            raise RefusedParameter(name, f"it is none of {', '.join(_TLS_VERSIONS)}")
        if name in _HEEDED:
            found.driver[_HEEDED[name]] = value
        elif name in _REFUSED:
            raise RefusedParameter(name, _REFUSED[name])
        elif name in _SPECIAL:
            _special(found, name, value)
        elif name not in HARMLESS:
            _check_unknown(name)
            found.unheeded.append(name)
    if given.get("ssl", "false").lower() in ("true", ""):
        non_validating = given.get("sslfactory") == _NON_VALIDATING
        found.driver.setdefault(
            "sslmode", "require" if non_validating else "verify-full"
        )  # as the JDBC driver reads it
    if found.driver.get("sslrootcert") == "system":
        _trust_the_system(found)
    return found


def _trust_the_system(found: Parameters) -> None:
    """As libpq does: the authorities that the system trusts sign for anybody, so the host's name has to be checked."""
    if found.driver.setdefault("sslmode", "verify-full") != "verify-full":
        raise RefusedParameter("sslrootcert", "system, the authorities of the system, needs sslmode=verify-full")
    paths = ssl.get_default_verify_paths()
    found.driver["sslrootcert"] = paths.cafile or paths.openssl_cafile


def _special(found: Parameters, name: str, value: str) -> None:
    low = value.lower()
    if name == "sslfactory" and value not in (_NON_VALIDATING, *_LIBPQ_FACTORIES):
        raise RefusedParameter(name, f"it names Java code; {_TLS_HINT}")
    if name in ("channelBinding", "channel_binding", "gssEncMode", "gssencmode") and low == "require":
        raise RefusedParameter(name, "it cannot be required here; use sslmode=verify-full")
    if name in _KINDS:
        kinds = next((ours for theirs, ours in _KINDS[name].items() if theirs.lower() == low), None)
        if kinds is None:
            raise RefusedParameter(name, f"it is none of {', '.join(_KINDS[name])}")
        found.kinds = kinds
    if name in ("prepareThreshold", "preparedStatementCacheQueries") and low == "0":
        found.cache_statements = False
    if name == "preferQueryMode" and low == "simple":
        found.cache_statements = False
    if name in ("connectTimeout", "connect_timeout", "loginTimeout"):
        found.connect_timeout_s = _seconds(name, value) or found.connect_timeout_s
    if name == "readOnly":
        found.read_only = low == "true"
    if name == "client_encoding" and low.replace("-", "") not in ("utf8", "unicode", "auto"):
        raise RefusedParameter(name, "text goes as UTF-8")


def _seconds(name: str, value: str) -> float | None:
    if not _SECONDS.fullmatch(value.strip()):  # Python's float takes more: 1_0, nan, inf, digits of other scripts
        raise RefusedParameter(name, "a number of seconds is expected")
    seconds = float(value)
    return seconds if seconds > 0 else None


def _check_unknown(name: str) -> None:
    """Refuse what was meant to be a parameter that matters: `sslMode` protects nobody if it is passed over."""
    plain = {_plain(one): one for one in (*_HEEDED, *_SPECIAL, *_REFUSED)}
    near = plain.get(_plain(name)) or next(
        (plain[one] for one in difflib.get_close_matches(_plain(name), plain, 1, 0.85)), None
    )
    if near is not None:
        raise RefusedParameter(name, f"there is no such parameter; {near} is meant?")
    if _plain(name).startswith(("ssl", "tls", "gss", "auth", "krb")):
        raise RefusedParameter(
            name, "it sounds as if it protected the connection, and is none of the driver's parameters"
        )


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(".", "")
