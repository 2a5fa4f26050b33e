"""Records that do not meet their JSON Schema: what `json.fail.invalid.schema` asks for."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Final

import orjson

from connect.api import DataError, json_schema_validator
from connect_schemas.json_schema.documents import DIALECTS, Document, wrong

_SHOWN_COUNT: Final = 3
_SHOWN_CHARS: Final = 200


class Checker:
    """Checks records by a JSON Schema.

    Raises:
        DataError: schemas.invalid: it is none.
    """

    def __init__(self, document: Document) -> None:
        from jsonschema.exceptions import SchemaError

        try:
            # Parsed anew: the document has decimals, which jsonschema cannot reckon with beside other numbers.
            self._validator: Any = json_schema_validator(
                json.loads(document.text),
                dialect=DIALECTS[document.dialect],
                documents=document.registry(with_floats=True),
            )
        except SchemaError as error:
            raise wrong(f"{error.json_path}: {_cut(error.message)}") from None
        except ValueError as error:
            raise wrong(str(error)) from None
        except RecursionError:
            raise wrong("it is nested too deeply") from None

    def check_text(self, text: bytes) -> None:
        """Check a record's JSON.

        Raises:
            DataError: It does not meet the schema, is no JSON, or cannot be checked.
        """
        from referencing.exceptions import Unresolvable

        try:
            value = _loaded(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"it is not JSON: {error}") from None
        try:
            errors = list(islice(self._validator.iter_errors(value), _SHOWN_COUNT + 1))
        except RecursionError:
            raise DataError("it is nested too deeply to be checked by its JSON Schema") from None
        except Unresolvable as error:
            raise wrong(f"$ref {error.ref!r} leads to nothing in it") from None
        if errors:
            shown = "; ".join(f"{error.json_path}: {_cut(error.message)}" for error in errors[:_SHOWN_COUNT])
            more = "; and more" if len(errors) > _SHOWN_COUNT else ""
            raise DataError(f"the record does not meet its JSON Schema: {shown}{more}")


def _loaded(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
