"""Dead letters: by cause, one at the step that failed, mended, tried, replayed and discarded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.pages import OpenPage, PageWorker, until
from tests.support.worker import JSON, STRING

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow

SINK = "/connectors/sink/letters"
HOSTILE = b"<script>alert(1)</script> \xe2\x80\xaetxt.exe"


@pytest.fixture
def queue(worker: PageWorker) -> PageWorker:
    config = {
        "connector.class": "FileStreamSink", "file": str(worker.folder / "out.txt"), "topics": "orders",
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true", "key.converter": STRING,
        "value.converter": JSON, "value.converter.schemas.enable": "false",
    }  # fmt: skip
    worker.append("orders", HOSTILE, b"{broken", b'{"id": 3}')
    worker.create("sink", config)
    until(lambda: causes(worker).get("open") == 2)
    return worker


def causes(worker: PageWorker) -> dict[str, Any]:
    found: dict[str, Any] = worker.client.get("/v1/dlq/dead").json()
    return found


def test_letters_are_told_by_cause_and_shown_at_the_step_that_failed(
    queue: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    opened = open_page(SINK)
    page = opened.page
    assert "2 open letters" in page.locator("main").inner_text()
    assert page.get_by_role("table", name="Causes").locator("tbody tr[data-row]").count() == len(
        causes(queue)["causes"]
    )
    page.locator("button.letter").first.click()
    page.get_by_text("The record that would be sent").wait_for()
    text = page.locator(".letter-more").inner_text()
    assert "value converter" in text
    assert "never replayed; after 3 it is left" in text
    record = page.get_by_label("Record to send").input_value()
    assert "<script>alert(1)</script>" in record
    assert page.locator("main script").count() == 0
    assert opened.axe() == []


def test_a_letter_is_mended_tried_and_replayed(queue: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    page = open_page(SINK).page
    page.locator("button.letter").first.click()
    area = page.get_by_label("Record to send")
    area.fill(json.dumps({**json.loads(area.input_value()), "value": {"id": 1, "mended": True}}, indent=2))
    page.get_by_text("1 change, as a JSON patch").wait_for()
    page.get_by_role("button", name="Try", exact=True).click()
    page.locator(".operation", has_text="1 letter would be sent").wait_for()
    assert '"mended": true' in page.locator(".operation").inner_text()
    assert 48 <= page.locator(".operation").bounding_box()["y"] < 400, "what came of it is seen, below the head"
    assert causes(queue)["open"] == 2
    page.get_by_role("button", name="Replay it, mended").click()
    page.locator(".operation.done", has_text="1 letter replayed").wait_for()
    assert causes(queue)["open"] == 1
    page.get_by_text("1 open letter", exact=False).first.wait_for()
    until(lambda: "mended" in (queue.folder / "out.txt").read_text())


def test_a_key_that_every_object_of_a_browser_has_is_added_as_any_other(
    queue: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page(SINK).page
    page.locator("button.letter").first.click()
    area = page.get_by_label("Record to send")
    area.fill(json.dumps({**json.loads(area.input_value()), "value": {"constructor": 1}}))
    area.fill(json.dumps({**json.loads(area.input_value()), "toString": 1}))
    page.get_by_text("2 changes, as a JSON patch").click()
    patch = json.loads(page.get_by_label("Patch").inner_text())
    assert [(one["op"], one["path"]) for one in patch] == [("replace", "/value"), ("add", "/toString")]


def test_a_letter_is_replayed_in_three_clicks(queue: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    page = open_page("/connectors/sink").page
    page.get_by_role("link", name="Dead letters", exact=True).last.click()
    page.locator("button.letter").first.click()
    page.get_by_role("button", name="Replay it", exact=True).click()
    page.locator(".operation.done", has_text="1 letter replayed").wait_for()


def test_letters_of_a_cause_are_discarded_with_a_reason(queue: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    page = open_page("/letters/dead").page
    page.get_by_role("button", name="Discard all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Discard", exact=True).click()
    dialog.get_by_text("Say why").wait_for()
    dialog.get_by_label("Why").fill("test data")
    dialog.get_by_role("button", name="Discard", exact=True).click()
    page.locator(".operation.done", has_text="2 letters discarded").wait_for()
    page.get_by_text("No letter is open.").wait_for()
    assert causes(queue)["discarded"] == 2
    page.goto(page.url.replace("/letters/dead", "/letters"))
    page.get_by_text("test data").wait_for()


@pytest.mark.parametrize(
    ("call", "what", "click"),
    [
        ("**/letters/0/0", "The letter could not be loaded", None),
        ("**/replay", "It was refused", "Replay it"),
        ("**/v1/dlq-operations/*", "What becomes of it is not known", "Replay it"),
    ],
)
def test_a_call_that_fails_is_an_error(
    queue: PageWorker, open_page: Callable[..., OpenPage], call: str, what: str, click: str | None
) -> None:
    opened = open_page(None)
    opened.expect_errors("500")
    opened.page.route(call, lambda route: route.fulfill(status=500, json={"error_code": 500, "message": "it broke"}))
    opened.go(SINK)
    opened.page.locator("button.letter").first.click()
    if click:
        opened.page.get_by_role("button", name=click, exact=True).click()
    opened.page.locator(".error-box", has_text=what).wait_for()


def test_a_connector_without_a_queue_says_how_to_have_one(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    page = open_page("/connectors/lines/letters").page
    assert "errors.deadletterqueue.topic.name" in page.locator("main").inner_text()


def test_what_is_done_to_a_cause_is_done_to_letters_of_this_connector_alone(
    queue: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page(SINK).page
    page.locator("button.letter").first.click()
    record = page.get_by_label("Record to send")
    record.fill(record.input_value().replace("{", '{"mended": 1, ', 1))
    of_letter = page.locator(".letter-more")
    of_letter.get_by_role("button", name="curl").click()
    command = of_letter.locator("dl.commands > div", has_text="Mend all of this cause so").inner_text()
    assert 'connector = \\"sink\\" and ' in command
