"""InsertHeader and DropHeaders: a fixed header is added, named ones are taken away."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from connect.api import Batch, Config, Header, Headers, Transform, config_key
from connect.api.values import parse
from connect_transforms.fields.columns import PREFIX, VERSION, valid_list
from connect_transforms.fields.unmatched import UnmatchedCheck


def _non_null(value: Any) -> None:
    if value is None:
        raise ValueError("entry must be non null")


class InsertHeaderConfig(Config):
    """Which header."""

    header: str = config_key("The name of the header.", importance="high", validators=[_non_null])
    value_literal: str = config_key(
        "The literal value that is to be set as the header value on all records.",
        importance="high",
        validators=[_non_null],
    )


class InsertHeader(Transform[InsertHeaderConfig]):
    """Add a header with a fixed value; its type is inferred from the text."""

    class_name = PREFIX + "InsertHeader"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        schema, value = parse(self.config.value_literal) or (None, None)
        self._added = (Header(self.config.header, value, schema),)

    def apply_batch(self, batch: Batch) -> Batch:
        added = self._added
        if batch.headers is None:
            return batch.replace(headers=list(map(Headers, repeat(added, len(batch)))))
        return batch.replace(
            headers=[Headers((*headers, *added)) if headers else Headers(added) for headers in batch.headers]
        )


class DropHeadersConfig(Config):
    """Which headers."""

    headers: list[str] = config_key(
        "The name of the headers to be removed.", importance="high", validators=[valid_list("headers")]
    )


class DropHeaders(Transform[DropHeadersConfig]):
    """Take headers away by name."""

    class_name = PREFIX + "DropHeaders"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._names = frozenset(self.config.headers)
        self._unmatched = UnmatchedCheck(
            self, f"a header named {', '.join(map(repr, self.config.headers))}", self._found_in
        )

    def apply_batch(self, batch: Batch) -> Batch:
        self._unmatched.look(batch)
        if batch.headers is None:
            return batch
        names = self._names
        kept = [[h for h in headers if h[0] not in names] if headers else None for headers in batch.headers]
        return batch.replace(headers=[Headers(h) if h else None for h in kept] if any(kept) else None)

    def _found_in(self, batch: Batch) -> bool:
        return any(header.name in self._names for headers in batch.headers or () for header in headers or ())
