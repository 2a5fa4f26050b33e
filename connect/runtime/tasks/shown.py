"""Values of records as an answer shows them to people: bounded in size, and without secrets.

`record_json.as_shown` says what a value looks like as JSON; here it is cut where it is long, with a mark that says how
much there is, and what is known as a secret is `[hidden]`: secrets of configs that run or are looked at, passwords in
URLs, and the texts of fields and headers whose names say that they hold one.
"""

from __future__ import annotations

import codecs
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from connect.api import HIDDEN, Schema
from connect.runtime.border.failures import told
from connect.runtime.secrets import REMEMBERED_CHARS_MAX, redact
from connect.runtime.tasks.record_json import as_shown
from connect.runtime.tasks.secret_fields import is_secret

#: A longer text is cut.
TEXT_CHARS_MAX: Final = 4096
#: What is shown of one key, value or header, in characters; lists and structs end there.
VALUE_CHARS_MAX: Final = 32 << 10
#: The same of a schema.
SCHEMA_CHARS_MAX: Final = 2000
_NAME_CHARS_MAX: Final = 200
_DEPTH_MAX: Final = 100
#: What an item costs beside its text, so that many small ones come to an end too.
_ITEM_CHARS: Final = 8
#: What stands for items that are left out, as a list's last item or a struct's last name.
CUT: Final = "…"


class Shown:
    """Shows values. Plain code without a wait; for one thread at a time.

    Args:
        secrets: Secrets beside those that `redact` knows, such as those of a config that never ran.

    Attributes:
        spent_chars: How much was shown so far, roughly, for who bounds a whole answer.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.spent_chars = 0
        self._secrets = tuple(secrets)

    def text(self, text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
        """Return a text without secrets, cut where it is longer, with a mark of how long it is."""
        # A secret that begins in front of the cut is seen whole.
        cut = self._without(text[: chars_max + REMEMBERED_CHARS_MAX])
        if len(text) > chars_max:
            cut = f"{cut[:chars_max]}{CUT} ({len(text)} characters)"
        self.spent_chars += len(cut)
        return cut

    def data(self, data: bytes | None) -> Any:
        """Return bytes of the log: their text where they are UTF-8, else as `value` shows bytes."""
        if data is None:
            return None
        window = data[: 4 * (TEXT_CHARS_MAX + REMEMBERED_CHARS_MAX)]
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(window, final=len(window) == len(data))
        except UnicodeDecodeError:
            return self._bytes(data)
        if len(window) == len(data):
            return self.text(text)
        cut = self._without(text[: TEXT_CHARS_MAX + REMEMBERED_CHARS_MAX])[:TEXT_CHARS_MAX]
        self.spent_chars += len(cut)
        return f"{cut}{CUT} ({len(data)} bytes)"

    def value(self, value: Any) -> Any:
        """Return a value made of what JSON has. Whatever a plugin's class does when it is looked at, this returns."""
        limit = self.spent_chars + VALUE_CHARS_MAX
        try:
            return self._plain(value, limit, _DEPTH_MAX)
        except Exception as error:  # a class of a plugin's own, which looks like a list and is none
            return f"what cannot be shown: {self.text(told(error))}"

    def _plain(self, value: Any, limit: int, depth: int) -> Any:
        self.spent_chars += _ITEM_CHARS
        if isinstance(value, str):
            return self.text(value, min(TEXT_CHARS_MAX, max(limit - self.spent_chars, _NAME_CHARS_MAX)))
        if isinstance(value, bytes | bytearray | memoryview):
            return self._bytes(bytes(value))
        if not isinstance(value, Mapping | Sequence | set | frozenset) or depth == 0:
            shown = as_shown(value) if depth else repr(type(value))
            return self.text(shown) if isinstance(shown, str) else shown
        if not isinstance(value, Mapping):
            return self._items(value, limit, depth - 1)
        if all(isinstance(name, str) for name in value):
            return self._fields(value, limit, depth - 1)
        return self._items(list(value.items()), limit, depth - 1)

    def _items(self, items: Iterable[Any], limit: int, depth: int) -> list[Any]:
        shown: list[Any] = []
        left = len(items)  # type: ignore[arg-type]
        for item in items:
            if self.spent_chars >= limit:
                shown.append(f"{CUT} ({left} more)")
                break
            shown.append(self._plain(item, limit, depth))
            left -= 1
        return shown

    def _fields(self, fields: Mapping[str, Any], limit: int, depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, value in fields.items():
            if self.spent_chars >= limit:
                shown[CUT] = f"{len(fields) - len(shown)} more"
                break
            shown[self.name(name)] = HIDDEN if is_secret(name, value) else self._plain(value, limit, depth)
        return shown

    def header(self, name: str, value: Any) -> Any:
        """As `value`, of a header, whose name may say that it holds a secret."""
        return HIDDEN if is_secret(name, value) else self.value(value)

    def raw_header(self, name: str, data: bytes | None) -> Any:
        """As `data`, of a header, whose name may say that it holds a secret."""
        return HIDDEN if is_secret(name, data) else self.data(data)

    def name(self, name: str) -> str:
        """Return the name of a field or a header, which may be anything."""
        return self.text(name, _NAME_CHARS_MAX)

    def _bytes(self, data: bytes) -> Any:
        window = data[: TEXT_CHARS_MAX * 3 // 4]
        readable = data[: len(window) + REMEMBERED_CHARS_MAX].decode("utf-8", "replace")
        if self._without(readable) != readable:
            return HIDDEN
        text = b64encode(window).decode()
        self.spent_chars += len(text)
        return {"base64": text} if len(window) == len(data) else {"base64": text, CUT: f"{len(data)} bytes"}

    def _without(self, text: str) -> str:
        for part in self._secrets:
            text = text.replace(part, HIDDEN)
        return redact(text)

    def schema(self, schema: Schema | None) -> str | None:
        """Return a schema in one line, such as `struct Order {id: int64, note: string?}`, where `?` is optional."""
        return None if schema is None else self.text(_schema_text(schema, SCHEMA_CHARS_MAX), SCHEMA_CHARS_MAX)


def _schema_text(schema: Schema, room: int) -> str:
    name = f" {schema.name}" if schema.name else ""
    text = schema.type.value.lower() + name
    if room <= 0:
        text += f" {CUT}"
    elif schema.fields:
        parts: list[str] = []
        for field in schema.fields:
            if room <= 0:
                parts.append(CUT)
                break
            parts.append(f"{field.name[:_NAME_CHARS_MAX]}: {_schema_text(field.schema, room - _NAME_CHARS_MAX)}")
            room -= len(parts[-1])
        text += f" {{{', '.join(parts)}}}"
    elif schema.value_schema is not None:
        inner = [part for part in (schema.key_schema, schema.value_schema) if part is not None]
        text += f"<{', '.join(_schema_text(part, room - _NAME_CHARS_MAX) for part in inner)}>"
    if schema.parameters and "scale" in schema.parameters:
        text += f" scale {schema.parameters['scale'][:_ITEM_CHARS]}"
    return text + ("?" if schema.optional else "")
