from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict

import connect.rest.models
from connect.rest.models.examples import CONFIG, NAME, NAMED_CONFIG


def declarations() -> list[Any]:
    modules = [
        importlib.import_module(f"connect.rest.models.{m.name}")
        for m in pkgutil.iter_modules(connect.rest.models.__path__)
    ]
    found = {
        f"{value.__module__}.{value.__name__}": value
        for module in modules
        for value in vars(module).values()
        if (is_typeddict(value) or (isinstance(value, type) and issubclass(value, BaseModel)))
        and value.__module__.startswith("connect.rest.models.")
    }
    return list(found.values())


@pytest.mark.parametrize("kind", declarations())
def test_every_example_is_what_it_is_an_example_of(kind: Any) -> None:
    adapter = TypeAdapter(kind)
    for shown in adapter.json_schema().get("examples", []):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind.model_validate(shown, extra="forbid")
        else:
            adapter.validate_python(shown, extra="forbid", strict=True)


def test_names_in_the_document_are_not_taken_twice() -> None:
    names = [kind.__name__ for kind in declarations()]
    assert sorted(names) == sorted(set(names))


def test_the_shared_config_is_of_the_shared_name() -> None:
    assert NAMED_CONFIG == {**CONFIG, "name": NAME}
