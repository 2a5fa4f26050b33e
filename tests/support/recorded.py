"""Answers that Kafka Connect gave, as `tests/conformance/rest/open.json` has them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from typing_extensions import get_type_hints

_STEPS = Path(__file__).parents[1] / "conformance" / "rest" / "open.json"


@cache
def _bodies() -> dict[str, Any]:
    steps = json.loads(_STEPS.read_text())["steps"]
    return {step["id"]: step["expect"]["body"] for step in steps if "body" in step.get("expect", {})}


def body(step: str) -> Any:
    return _bodies()[step]


def members(declared: Any) -> list[str]:
    """The members of a declaration, in its order."""
    return list(get_type_hints(declared))
