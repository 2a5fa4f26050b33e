from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connect.runtime.secret_text import hide, holds_mask, is_secret_name, pieces, restored

H = "[hidden]"


@pytest.mark.parametrize(
    "name",
    [
        "password", "connection.password", "db.PASSWORD", "dbPassword", "sslpassword", "ssl.key.password",
        "trustStorePassword", "keyStoreSecret", "pwd", "clientSecret", "aws.secret.access.key", "aws.secret.key",
        "AccountKey", "SharedAccessKey", "api.key", "api_key", "apiKey", "apikey", "accessToken", "sasl.jaas.config",
        "producer.override.sasl.jaas.config", "schema.registry.basic.auth.user.info", "ssl.keystore.key",
        "passphrase", "db.pass", "transforms.x.private-key", "user.password1", "credentials", "X-Auth-Token",
    ],
)  # fmt: skip
def test_a_name_says_that_its_value_is_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "user", "key", "key.converter", "token.endpoint.url", "max.tokens", "password.file.name", "aws.access.key.id",
        "topics", "primary.key", "credentials.provider.class", "pk.fields", "record.key", "", "1", "compass",
        "keyboard",
    ],
)  # fmt: skip
def test_a_name_of_another_kind_does_not(name: str) -> None:
    assert not is_secret_name(name)


#: What a config holds, and how it is shown.
VALUES = [
    ("postgresql://u:A@h/db", f"postgresql://u:{H}@h/db"),
    (
        "jdbc:postgresql://h:5432/db?user=u&password=A&sslpassword=B&ssl=true",
        f"jdbc:postgresql://h:5432/db?user=u&password={H}&sslpassword={H}&ssl=true",
    ),
    ("jdbc:postgresql://h/db?PassWord=A", f"jdbc:postgresql://h/db?PassWord={H}"),
    ("jdbc:postgresql://h/db?pass%77ord=A", f"jdbc:postgresql://h/db?pass%77ord={H}"),
    (
        "jdbc:postgresql://srv:5432/db?user=name@srv&password=A",
        f"jdbc:postgresql://srv:5432/db?user=name@srv&password={H}",
    ),
    ("postgresql://u:a/b@h/db", f"postgresql://u:{H}@h/db"),
    ("postgresql://u:a@b@h/db", f"postgresql://u:{H}@h/db"),
    ("postgresql://u:a b\"c'd@h/db", f"postgresql://u:{H}@h/db"),
    ("postgresql://u:a?b@h/db", f"postgresql://u:{H}@h/db"),
    ("postgresql://u:p%40w@h/db?email=x@y", f"postgresql://u:{H}@h/db?email=x@y"),
    ("redis://:A@h:6379/0", f"redis://:{H}@h:6379/0"),
    ("mongodb+srv://u:A@h1,h2/db?replicaSet=r", f"mongodb+srv://u:{H}@h1,h2/db?replicaSet=r"),
    ("https://u:A@h1:9200,https://u:B@h2:9200", f"https://u:{H}@h1:9200,https://u:{H}@h2:9200"),
    ("http://h:8080/x", "http://h:8080/x"),
    ("http://h:8080,http://i:8080", "http://h:8080,http://i:8080"),
    (
        "jdbc:sqlserver://h:1433;databaseName=d;user=sa;password=A;encrypt=true",
        f"jdbc:sqlserver://h:1433;databaseName=d;user=sa;password={H};encrypt=true",
    ),
    (
        "jdbc:sqlserver://h;user=sa;Password={a;b};trustStorePassword=B",
        f"jdbc:sqlserver://h;user=sa;Password={{{H}}};trustStorePassword={H}",
    ),
    ("Server=h;User ID=sa;Password = a b;Encrypt=yes", f"Server=h;User ID=sa;Password = {H};Encrypt=yes"),
    ("jdbc:oracle:thin:scott/tiger@//h:1521/s", f"jdbc:oracle:thin:scott/{H}@//h:1521/s"),
    ("JDBC:ORACLE:oci:scott/ti@ger@tns", f"JDBC:ORACLE:oci:scott/{H}@tns"),
    ("jdbc:oracle:thin:@//h:1521/s", "jdbc:oracle:thin:@//h:1521/s"),
    (
        "jdbc:mysql://address=(host=h)(user=u)(password=A)(port=1)/db",
        f"jdbc:mysql://address=(host=h)(user=u)(password={H})(port=1)/db",
    ),
    ("https://h/x?token=A&page=2", f"https://h/x?token={H}&page=2"),
    ("https://h/x?api_key=A&sig=B&X-Amz-Signature=C", f"https://h/x?api_key={H}&sig={H}&X-Amz-Signature={H}"),
    ("AccountName=n;AccountKey=a+b/c==;EndpointSuffix=x", f"AccountName=n;AccountKey={H};EndpointSuffix=x"),
    (
        'o.a.k.PlainLoginModule required username="u" password="a;b";',
        f'o.a.k.PlainLoginModule required username="u" password="{H}";',
    ),
    ('{"user": "u", "password": "a,\\"b", "n": "1"}', f'{{"user": "u", "password": "{H}", "n": "1"}}'),
    ("Authorization: Bearer abc.def", f"Authorization: Bearer {H}"),
    ("${file:/run/s:url}", "${file:/run/s:url}"),
    ("postgresql://u:${file:/s:pw}@h/db?password=${env:PW}", "postgresql://u:${file:/s:pw}@h/db?password=${env:PW}"),
    ("select * from t where a = 'b'", "select * from t where a = 'b'"),
]


@pytest.mark.parametrize(("value", "shown"), VALUES)
def test_secrets_in_a_value_are_hidden_and_nothing_else_is(value: str, shown: str) -> None:
    assert hide(value) == shown
    assert hide(shown) == shown
    assert restored(value, shown) == value


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("cannot reach 'postgresql://u:A@h/db' for bob@x", f"cannot reach 'postgresql://u:{H}@h/db' for bob@x"),
        (
            "no route to jdbc:postgresql://h/db?password=A: refused",
            f"no route to jdbc:postgresql://h/db?password={H} refused",
        ),
        ("see http://h:80/x, ask bob@x", "see http://h:80/x, ask bob@x"),
        ("connecting jdbc:oracle:thin:scott/tiger@h now a@b", f"connecting jdbc:oracle:thin:scott/{H}@h now a@b"),
        ('{"password":"A"} is wrong', f'{{"password":"{H}"}} is wrong'),
        ("key=1 token=abc", f"key=1 token={H}"),
    ],
)
def test_secrets_in_a_line_are_hidden_and_its_words_stay(line: str, shown: str) -> None:
    assert hide(line, line=True) == shown


STORED = "jdbc:postgresql://u:A@h:5432/db?password=B&sslpassword=C&ssl=true"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (
            f"jdbc:postgresql://u:{H}@h:5432/db9?password={H}&sslpassword={H}&ssl=true",
            "jdbc:postgresql://u:A@h:5432/db9?password=B&sslpassword=C&ssl=true",
        ),
        (f"jdbc:postgresql://u:{H}@h:5432/db?sslpassword={H}", "jdbc:postgresql://u:A@h:5432/db?sslpassword=C"),
        (f"jdbc:postgresql://u:new@h:5432/db?password={H}", "jdbc:postgresql://u:new@h:5432/db?password=B"),
        (
            "jdbc:postgresql://u:%5Bhidden%5D@h:5432/db?password=%5bHidden%5d",
            "jdbc:postgresql://u:A@h:5432/db?password=B",
        ),
    ],
)
def test_a_value_that_was_changed_beside_its_secrets_keeps_them(sent: str, kept: str) -> None:
    assert restored(STORED, sent) == kept


@pytest.mark.parametrize(
    "sent",
    [
        f"jdbc:postgresql://u:{H}@evil:5432/db",
        f"jdbc:postgresql://u:{H}@h:5433/db",
        f"jdbc:mysql://u:{H}@h:5432/db",
        f"jdbc:postgresql://v:{H}@h:5432/db",
        f"jdbc:postgresql://u:{H}@h:5432/db?host=evil",
        f"jdbc:postgresql://u:{H}@h:5432/db?password=x&ho%73t=evil",
        f"jdbc:postgresql://u:{H}@h:5432/db?socketFactory=x",
        f"jdbc:postgresql://u:{H}@h:5432,evil/db",
        f"jdbc:postgresql://u:x@h:5432/{H}",
        f"jdbc:postgresql://u:x@h:5432/db?token={H}",
        H,
        f"{H}{H}",
        f"jdbc:postgresql://u:{H}@h:5432/x@evil/db",
        f"jdbc:postgresql://u:x@h:5432/db?password={H}&password={H}&note={H}",
        f"jdbc:postgresql://{H}:x@h:5432/db",
        f"jdbc:postgresql://u:{H}@h:5432\\@evil/db",
        f"jdbc:postgresql://u:x@h:5432/db?note={H}",
    ],
)
def test_no_secret_goes_to_another_place_or_where_it_would_be_shown(sent: str) -> None:
    assert restored(STORED, sent) is None


def test_a_line_of_parameters_keeps_its_secret_only_where_nothing_else_changed() -> None:
    stored = "host=h password=A"
    assert restored(stored, hide(stored)) == stored
    assert restored("Server=h;Password=A", f"Server=evil;Password={H}") is None


SIGNS = st.text(st.sampled_from("ab@:/?#&=;,'\"[]{}() %5.$\\\n"), max_size=12)


@given(SIGNS, SIGNS, SIGNS)
def test_what_is_shown_comes_back_as_it_was(before: str, secret: str, after: str) -> None:
    for text in (
        f"x://{before}:{secret}@{after}",
        f"{before}password={secret}&{after}",
        f"jdbc:oracle:thin:u/{secret}@{after}",
    ):
        if holds_mask(text):
            continue
        shown = hide(text)
        assert restored(text, shown) == text
        for piece in pieces(text):
            assert piece in text


@given(st.text(st.sampled_from("abcXYZ0189@:/?#!-_%.'\"&;= "), min_size=1, max_size=20))
@example("://")
@example("a://b:c")
def test_no_password_of_a_url_is_seen_whatever_signs_it_has(password: str) -> None:
    if {"@", "?", "="} <= set(password):  # such a one cannot be told from parameters
        return
    shown = hide(f"postgresql://user:S{password}E@host:5432/db")
    assert shown == "postgresql://user:[hidden]@host:5432/db"


@pytest.mark.parametrize("line", [False, True])
def test_a_token_of_thousands_of_signs_is_hidden_as_a_password_is(line: bool) -> None:
    shown = hide(f"postgresql://user:{'tok3n.' * 900}@host:5432/db", line=line)
    assert shown == "postgresql://user:[hidden]@host:5432/db"


@pytest.mark.parametrize(
    "part",
    [
        "a=", "://a:", "jdbc:oracle:thin:/", "jdbc:oracle:thin:a/b@", '"a":"', "password=", "(password=", "a ", '\\"',
        "authorization:", "://a:b@",
    ],
)  # fmt: skip
def test_a_long_text_of_beginnings_is_looked_through_in_linear_time(part: str) -> None:
    began = time.process_time()
    hide(part * 20_000 + "@=:")
    assert time.process_time() - began < 2.0
