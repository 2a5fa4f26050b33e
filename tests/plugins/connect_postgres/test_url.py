from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect_postgres.url import parse_url, redacted_url


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("jdbc:postgresql://h:5/db?user=u&password=p@ss", "postgresql://u:p%40ss@h:5/db"),
        ("postgresql://u:p@h/db?sslmode=require&other=1", "postgresql://u:p@h/db?sslmode=require"),
        ("jdbc:postgresql:db", "postgresql://localhost/db"),
        ("jdbc:postgresql://a:1,b:2/db", "postgresql://a:1,b:2/db"),
        ("jdbc:postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("jdbc:postgresql://h/db?ssl=true&currentSchema=s", "postgresql://h/db?search_path=s&sslmode=verify-full"),
        ("postgres://h/db", "postgresql://h/db"),
    ],
)
def test_urls_of_both_kinds_are_understood(url: str, parsed: str) -> None:
    assert parse_url(url) == parsed


def test_keys_go_before_the_url() -> None:
    assert parse_url("postgresql://u:p@h/db?user=x", "me", "a/b") == "postgresql://me:a%2Fb@h/db"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://h/db",
        "jdbc:mysql://h/db",
        "h:5432/db",
        "postgresql://u:s3/cret@h/db",
        "http://[",
        "postgresql://h:port/db",
    ],
)
def test_another_kind_of_url_is_refused_without_a_part_of_it(url: str) -> None:
    with pytest.raises(ValueError, match="jdbc:postgresql://HOST:PORT/DATABASE") as raised:
        parse_url(url)
    assert "s3" not in str(raised.value)


@given(st.text(st.characters(codec="ascii", exclude_characters="\n\r\t "), min_size=4).map(lambda text: f"§{text}§"))
def test_a_password_is_never_shown(password: str) -> None:
    shown = [
        redacted_url(f"postgresql://u:{password}@h/db"),
        redacted_url(f"jdbc:postgresql://h/db?user=u&password={password.replace('&', '')}&ssl=true"),
    ]
    assert all("§" not in text and "[hidden]" in text for text in shown)


def test_a_refused_url_is_named_without_its_password() -> None:
    from connect_postgres import JdbcSinkConnector

    with pytest.raises(ConfigError, match=r"connection\.url") as raised:
        JdbcSinkConnector.config_class.parse({"connection.url": "mysql://me:s3cret@h/db"})
    assert "s3cret" not in str(raised.value)
