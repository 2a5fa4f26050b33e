"""A parameter of the connection is heeded, known to be harmless, or refused by its name."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_postgres import JdbcSinkConnector, JdbcSourceConnector
from connect_postgres.parameters import HARMLESS, RefusedParameter, read_parameters
from connect_postgres.url import parse_target

#: pgJDBC 42.7, org.postgresql.PGProperty.
PGJDBC = [
    "adaptiveFetch", "adaptiveFetchMaximum", "adaptiveFetchMinimum", "allowEncodingChanges", "ApplicationName",
    "assumeMinServerVersion", "authenticationPluginClassName", "autosave", "binaryTransfer", "binaryTransferDisable",
    "binaryTransferEnable", "cancelSignalTimeout", "channelBinding", "cleanupSavepoints", "connectTimeout",
    "currentSchema", "databaseMetadataCacheFields", "databaseMetadataCacheFieldsMiB", "defaultRowFetchSize",
    "disableColumnSanitiser", "escapeSyntaxCallMode", "groupStartupParameters", "gssEncMode", "gsslib",
    "gssResponseTimeout", "gssUseDefaultCreds", "hideUnprivilegedObjects", "hostRecheckSeconds",
    "jaasApplicationName", "jaasLogin", "kerberosServerName", "loadBalanceHosts", "localSocketAddress", "loggerFile",
    "loggerLevel", "loginTimeout", "logServerErrorDetail", "logUnclosedConnections", "maxResultBuffer",
    "maxSendBufferSize", "options", "password", "PGDBNAME", "PGHOST", "PGPORT", "preferQueryMode",
    "preparedStatementCacheQueries", "preparedStatementCacheSizeMiB", "prepareThreshold", "protocolVersion",
    "quoteReturningIdentifiers", "readOnly", "readOnlyMode", "receiveBufferSize", "replication", "requireAuth",
    "reWriteBatchedInserts", "sendBufferSize", "service", "socketFactory", "socketFactoryArg", "socketTimeout", "ssl",
    "sslcert", "sslfactory", "sslfactoryarg", "sslhostnameverifier", "sslkey", "sslmode", "sslNegotiation",
    "sslpassword", "sslpasswordcallback", "sslResponseTimeout", "sslrootcert", "sspiServiceClass", "stringtype",
    "targetServerType", "tcpKeepAlive", "tcpNoDelay", "unknownLength", "user", "useSpnego", "xmlFactoryFactory",
]  # fmt: skip
REFUSED = {
    "authenticationPluginClassName", "gssUseDefaultCreds", "jaasApplicationName", "jaasLogin", "localSocketAddress",
    "replication", "requireAuth", "service", "socketFactory", "socketFactoryArg", "sslfactory", "sslfactoryarg",
    "sslhostnameverifier", "sslpasswordcallback", "sspiServiceClass", "useSpnego",
}  # fmt: skip
VALUES = {"targetServerType": "primary", "connectTimeout": "5", "loginTimeout": "5"}


@pytest.mark.parametrize("name", PGJDBC)
def test_every_parameter_of_the_jdbc_driver_has_its_place(name: str) -> None:
    try:
        found = read_parameters({name: VALUES.get(name, "x")})
    except RefusedParameter as error:
        assert name in REFUSED, error
        assert name in str(error)
    else:
        assert name not in REFUSED
        assert found.unheeded == []
        if name in HARMLESS:
            assert found.driver == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gsslib", "auto"),
        ("jaasLogin", "true"),
        ("jaasApplicationName", "pgjdbc"),
        ("useSpnego", "FALSE"),
        ("gssUseDefaultCreds", "false"),
        ("sspiServiceClass", "POSTGRES"),
        ("replication", "false"),
        ("sslcertmode", "allow"),
    ],
)
def test_a_parameter_that_is_given_its_default_asks_for_nothing(name: str, value: str) -> None:
    found = read_parameters({name: value})
    assert (found.driver, found.unheeded) == ({}, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channelBinding", "require"),
        ("gssEncMode", "require"),
        ("targetServerType", "leader"),
        ("sslMode", "verify-full"),
        ("ssl_mode", "verify-full"),
        ("SSLROOTCERT", "ca.pem"),
        ("sslrootcerts", "ca.pem"),
        ("sslFoo", "1"),
        ("tlsVersion", "3"),
        ("client_encoding", "latin1"),
        *(("connectTimeout", text) for text in ("soon", "1_0", "nan", "inf", "1e400", "\u0664", "9" * 5000, "")),
        ("hostaddr", "10.0.0.1"),
        ("require_auth", "scram-sha-256"),
    ],
)
def test_what_would_protect_nobody_if_it_were_passed_over_is_refused_in_the_url_and_as_a_key(
    name: str, value: str
) -> None:
    for connector in (JdbcSinkConnector, JdbcSourceConnector):
        keys = {"mode": "bulk", "topic.prefix": "p"} if connector is JdbcSourceConnector else {}
        with pytest.raises(ConfigError, match=name):
            connector.config_class.parse({"connection.url": f"postgresql://h/db?{name}={value}", **keys})
        with pytest.raises(ConfigError, match=f"parameter {name} cannot be heeded") as raised:
            connector.config_class.parse({"connection.url": "postgresql://h/db", f"connection.{name}": value, **keys})
        assert raised.value.config_path == f"connection.{name}"


def test_a_key_of_the_connector_is_a_parameter_of_the_driver() -> None:
    given = {
        "connection.url": "postgresql://h/db",
        "connection.sslmode": "verify-full",
        "connection.sslrootcert": "/ca.pem",
        "connection.sslpassword": "s3cret",
        "connection.attempts": "2",
    }
    config = JdbcSinkConnector.config_class.parse(given)
    assert config.reach.parameters.driver == {
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
        "sslpassword": "s3cret",
    }
    assert "s3cret" not in repr(config)


def test_two_values_for_one_parameter_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"parameter sslmode cannot be heeded: connection\.url has another value"):
        JdbcSinkConnector.config_class.parse(
            {"connection.url": "postgresql://h/db?sslmode=disable", "connection.sslmode": "require"}
        )


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("targetServerType=primary", ("primary",)),
        ("targetServerType=master", ("primary",)),
        ("targetServerType=preferSecondary", ("standby", "any")),
        ("targetServerType=preferPrimary", ("primary", "any")),
        ("target_session_attrs=read-write", ("read-write",)),
        ("", ("any",)),
    ],
)
def test_the_kind_of_server_is_asked_of_each_host_in_turn(query: str, kinds: tuple[str, ...]) -> None:
    target = parse_target(f"jdbc:postgresql://u:p@a:1,b:2/db?{query}")
    assert target.parameters.kinds == kinds
    assert target.dsns == ["postgresql://u:p@a:1/db", "postgresql://u:p@b:2/db"]


def test_a_factory_that_validates_nothing_is_what_require_is() -> None:
    target = parse_target("postgresql://h/db?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory")
    assert target.parameters.driver == {"sslmode": "require"}
    with pytest.raises(ValueError, match="sslfactory"):
        parse_target("postgresql://h/db?ssl=true&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory")


@pytest.mark.parametrize("query", ["prepareThreshold=0", "preferQueryMode=simple", "preparedStatementCacheQueries=0"])
def test_prepared_statements_can_be_switched_off(query: str) -> None:
    assert not parse_target(f"postgresql://h/db?{query}").parameters.cache_statements


def test_a_parameter_that_nobody_knows_is_told_and_passed_over() -> None:
    assert read_parameters({"flavour": "mild"}).unheeded == ["flavour"]


def test_a_version_of_tls_that_there_is_not_and_the_systems_authorities_without_the_hosts_name_are_refused() -> None:
    with pytest.raises(RefusedParameter, match=r"none of TLSv1, TLSv1\.1, TLSv1\.2, TLSv1\.3"):
        read_parameters({"ssl_min_protocol_version": "TLSv9"})
    with pytest.raises(RefusedParameter, match="needs sslmode=verify-full"):
        read_parameters({"sslrootcert": "system", "sslmode": "require"})
    found = read_parameters({"sslrootcert": "system"}).driver
    assert found["sslmode"] == "verify-full"
    assert found["sslrootcert"] != "system"
