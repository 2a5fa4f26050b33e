"""Types of query parameters."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator


def _as_java(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


#: A boolean as Java reads it: true in any case is true, anything else is false.
Flag = Annotated[bool, BeforeValidator(_as_java)]
