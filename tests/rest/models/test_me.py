from __future__ import annotations

from typing import get_args

from typing_extensions import get_type_hints

from connect.credentials import Role
from connect.rest.models.me import Me


def test_the_roles_are_those_of_the_credentials_file() -> None:
    literal = get_args(get_type_hints(Me)["role"])[0]
    assert set(get_args(literal)) == {role.value for role in Role}
