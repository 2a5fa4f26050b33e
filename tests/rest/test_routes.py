from __future__ import annotations

import subprocess
import sys

import pytest

#: Builds a route as FastAPI does by itself, and one of ours, and says whether a model of the answer was built.
SCRIPT = """
from fastapi import APIRouter
from connect.rest.models.records import Offset
from connect.rest.answers import Answer
from connect.rest.routes import Route

async def answer() -> Answer[Offset]: ...
async def plain() -> Offset: ...

router = APIRouter(route_class=Route)
router.add_api_route("/x", answer)
router.add_api_route("/y", plain)
print([route.response_field for route in router.routes])
"""


def test_a_routes_return_type_is_not_built_as_it_is_declared() -> None:
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert found.stdout == "[None, None]\n"


@pytest.mark.slow
def test_a_worker_starts_without_building_a_model_of_a_body() -> None:
    script = """
import connect.rest.app
from connect.rest.models.base import Body
print([model.__name__ for model in Body.__subclasses__() if model.__pydantic_complete__])
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
