from __future__ import annotations

import pytest

from connect_postgres.statements import split_statements


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1", ["SELECT 1"]),
        (" SELECT 1 ; -- the end", ["SELECT 1"]),
        ("SELECT 1;;", ["SELECT 1"]),
        ("SELECT ';' AS \";\" -- ;", ["SELECT ';' AS \";\" -- ;"]),
        ("SELECT $$;$$ /* ; /* ; */ ; */", ["SELECT $$;$$ /* ; /* ; */ ; */"]),
        ("SELECT $a$ ; $$ ; $a$; SELECT 2", ["SELECT $a$ ; $$ ; $a$", "SELECT 2"]),
        (r"SELECT e'\';'", [r"SELECT e'\';'"]),
        (r"SELECT 'x\'; DROP TABLE y; --'", ["SELECT 'x\\'", "DROP TABLE y"]),
        ("SELECT a$b$; COMMIT", ["SELECT a$b$", "COMMIT"]),
        ("SELECT 'it''s; one'", ["SELECT 'it''s; one'"]),
        ("", []),
        ("-- nothing\n/* at all */ ;", []),
    ],
)
def test_statements_are_told_apart_as_the_server_does(text: str, statements: list[str]) -> None:
    assert split_statements(text) == statements
