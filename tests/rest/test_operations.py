"""What is declared beside a route is read of it, and the routes are held to it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.rest.answers import Answer, empty
from connect.rest.app import ROUTES
from connect.rest.models.errors import Error
from connect.rest.models.records import AppendRecords, Offset
from connect.rest.operations import answer_of, declared, operation, operation_of
from connect.rest.routes import Route
from tests.support.declared import what_is_undeclared

router = APIRouter(route_class=Route)


@router.post("/x", status_code=201)
@operation(body=AppendRecords, also={202: "Later.", 204: "Nothing."}, same=(202,))
async def both(request: Request) -> Answer[Offset] | Response:
    return empty(204)


@router.get("/y")
async def nothing(request: Request) -> Response:
    return empty(200)


def test_body_and_answer_are_what_is_declared() -> None:
    found = {one.route.path: one for one in declared(router.routes)}
    assert (found["/x"].method, found["/x"].operation.body, found["/x"].answer) == ("POST", AppendRecords, Offset)
    assert (found["/y"].operation.body, found["/y"].answer) == (None, None)


def test_the_shape_of_an_answer_depends_on_its_status() -> None:
    one = next(declared(router.routes))
    shapes = [one.answered(status) for status in (201, 202, 204, 400, 500)]
    assert shapes == [Offset, Offset, None, Error, Error]


def test_a_route_is_not_built_with_a_model_of_its_answer() -> None:
    assert all(isinstance(route, Route) and route.response_field is None for route in (*router.routes, *ROUTES))
    assert operation_of(nothing).also == {}
    assert answer_of(both) is Offset


def test_every_route_that_answers_says_what() -> None:
    silent = {f"{one.method} {one.route.path}" for one in declared(ROUTES) if one.answer is None}
    assert silent == {
        "DELETE /connectors/{name}",
        "DELETE /v1/connectors/{name}",
        "DELETE /v1/groups/{group}/offsets",
        "DELETE /v1/topics/{topic}",
        "POST /connectors/{name}/tasks/{task}/restart",
        "PUT /connectors/{name}/pause",
        "PUT /connectors/{name}/resume",
        "PUT /connectors/{name}/stop",
        "PUT /connectors/{name}/topics/reset",
        "PUT /v1/groups/{group}/offsets",
    }


def test_an_answer_with_another_member_or_type_would_fail_a_test() -> None:
    for body in (b'{"groups": []}', b'{"error_code": 404, "message": null}'):
        status = 404 if b"error" in body else 200
        assert what_is_undeclared("GET", "/v1/groups", status, body) is None
    for body in (b'{"groups": [], "more": 1}', b'{"groups": [1]}', b"{}", b'{"groups": null}', b"[]"):
        assert what_is_undeclared("GET", "/v1/groups", 200, body) is not None
    assert what_is_undeclared("GET", "/v1/groups", 404, b'{"message": "x"}') is not None
    assert what_is_undeclared("PUT", "/connectors/x/pause", 202, b"{}") is not None
