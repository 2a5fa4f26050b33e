"""Importing the REST application without what a worker does not need of FastAPI: a start waits for each millisecond.

Of the modules that FastAPI brings, the models of an OpenAPI document are nearly half, built as they are imported
though they are needed when somebody asks for the document; and it imports all of pydantic's first version, to say of
each parameter of a route that it is not of it.

Elsewhere: our own models are built at their first use (`connect.rest.models`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydantic import BaseModel

#: What FastAPI asks of the type of each parameter; it answers by all of pydantic.v1.
_ASK: Final = "annotation_is_pydantic_v1"


@contextmanager
def lean() -> Iterator[None]:
    """Let what is imported meanwhile build its models at their first use, and no model be looked at for its version.

    All of it is undone at the end; what other threads import meanwhile builds its models at their first use, too, which
    changes nothing but when. Where FastAPI or pydantic have neither of the two any more, a start takes longer.
    """
    config: Any = BaseModel.model_config
    config["defer_build"] = True
    try:
        from fastapi import utils
    finally:
        del config["defer_build"]
    ask = getattr(utils, _ASK, None)
    if ask is None:
        yield
        return
    setattr(utils, _ASK, _is_not)
    try:
        yield
    finally:
        setattr(utils, _ASK, ask)


def _is_not(annotation: object) -> bool:
    return False
