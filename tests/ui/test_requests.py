"""How the page asks the worker: what it does where an answer is late, is given up, or is of a tab that nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from connect.rest.rows import _WORST
from tests.support.page_answers import answer
from tests.support.pages import OpenPage, PageWorker

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow

Opening = Callable[..., OpenPage]

#: A worker whose answer begins, and does not end.
STALLING = """() => {
  const begun = (signal) => ({start: (body) => signal.addEventListener("abort", () => body.error(signal.reason))});
  window.fetch = async (url, {signal}) => new Response(new ReadableStream(begun(signal)));
}"""


def of_module(page: Any, module: str, script: str, *, given: Any = None) -> Any:
    """Return what a script makes of a module of the page, `m`, and of what it is given, `given`."""
    return page.evaluate(f"async (given) => {{ const m = await import('./js/{module}.js'); {script} }}", given)


def test_a_view_in_a_tab_that_nobody_sees_yet_is_loaded_once(worker: PageWorker, open_page: Opening) -> None:
    worker.create("a")
    worker.create("b")
    hidden = "Object.defineProperty(document, 'hidden', {get: () => true})"
    page = open_page(None, init=hidden)
    page.page.goto(f"{worker.url}/ui/#/compare?a=a&b=b")
    page.page.get_by_role("region", name="Differences").wait_for()


def test_an_answer_that_does_not_end_is_a_failure_and_one_that_is_given_up_is_none(open_page: Opening) -> None:
    page = open_page("/plugins").page
    page.evaluate(STALLING)
    late = "try { await m.call('GET', '/x', {timeoutMs: 50}) } catch (error) { return [error.name, error.text] }"
    assert of_module(page, "api", late) == ["Failure", "no answer within 0.05 s"]
    given_up = """const giving = new AbortController();
        setTimeout(() => giving.abort(), 50);
        try { await m.call('GET', '/x', {signal: giving.signal}) } catch (error) { return error.name }"""
    assert of_module(page, "api", given_up) == "AbortError"


def test_what_was_done_is_not_told_as_refused_where_the_look_behind_it_fails(
    worker: PageWorker, open_page: Opening
) -> None:
    worker.create("lines")
    opened = open_page("/")
    page = opened.page
    page.get_by_role("checkbox", name="Select lines").check()
    answer(page, "**/connectors/lines/status", {"error_code": 409, "message": "the workers settle"}, 409)
    opened.expect_errors("409.*status")
    page.get_by_role("button", name="Pause 1").click()
    page.get_by_text("Pause: 1 of 1").wait_for()
    assert page.locator(".results .bad-text").count() == 0
    assert "paused" in page.locator(".results li").inner_text()


def test_the_worst_of_a_connector_is_what_the_stream_says_of_it(open_page: Opening) -> None:
    page = open_page("/plugins").page
    pairs = [(worse.value, better.value) for worse, better in combinations(_WORST, 2)]
    worst = """return given.map(([worse, better]) =>
        m.summary({connector: {state: better}, tasks: [{state: worse}]}).worst)"""
    assert of_module(page, "live", worst, given=pairs) == [worse for worse, _ in pairs]
