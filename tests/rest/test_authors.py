from __future__ import annotations

from typing import Any

import pytest

from connect.rest.authors import USER, Authors, author_of
from connect.stores.history import AUTHOR, Author


def scope(*headers: tuple[bytes, bytes], client: tuple[str, int] | None = ("192.0.2.7", 1), **more: Any) -> Any:
    return {"type": "http", "headers": list(headers), "client": client, **more}


@pytest.mark.parametrize(
    ("asked", "author"),
    [
        (scope(), Author("anonymous", "192.0.2.7")),
        (scope(client=None), Author("anonymous", "")),
        (scope(**{USER: "ann"}), Author("ann", "192.0.2.7")),
        (
            scope((b"x-connect-forwarded", b"w:1"), (b"x-connect-forwarded-for", b"198.51.100.1"), **{USER: "ann"}),
            Author("ann", "198.51.100.1", via="192.0.2.7"),
        ),
        (scope((b"x-connect-forwarded-for", b"198.51.100.1")), Author("anonymous", "192.0.2.7")),
        (scope((b"x-connect-forwarded", b"w:1")), Author("anonymous", "192.0.2.7")),
    ],
)
def test_who_asks_is_the_user_and_where_the_request_comes_from(asked: Any, author: Author) -> None:
    assert author_of(asked) == author


async def test_an_author_is_one_of_a_single_request() -> None:
    seen = []

    async def app(*_: Any) -> None:
        seen.append(AUTHOR.get())

    layer = Authors(app)
    await layer(scope(), None, None)
    await layer({"type": "lifespan"}, None, None)
    assert seen == [Author("anonymous", "192.0.2.7"), Author("worker")]
