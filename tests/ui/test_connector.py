"""A connector's page: the way of its records, and what is told before it restarts by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.pages import OpenPage, PageWorker, until
from tests.support.worker import JSON, STRING

Opening = Callable[..., OpenPage]

GENERATED = {
    "connector.class": "Datagen", "kafka.topic": "users", "quickstart": "users", "max.interval": "20",
    "iterations": "100000", "key.converter": STRING, "value.converter": JSON,
    "transforms": "route", "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.route.regex": "(.*)", "transforms.route.replacement": "eu-$1",
}  # fmt: skip


def figures(page: Any) -> list[str]:
    found: list[str] = page.locator(".stage-figures").all_inner_texts()
    return found


def test_the_way_of_the_records_leads_to_their_topics(worker: PageWorker, open_page: Opening) -> None:
    worker.create("users", GENERATED)
    page = open_page("/connectors/users").page
    page.get_by_role("link", name="eu-users").first.wait_for()
    names = page.locator(".stage-name").all_inner_texts()
    assert names == ["source", "route", "converters", "topics"]
    page.get_by_role("button", name="topics eu-users").click()
    page.get_by_role("region", name="Records at topics").get_by_role("link", name="eu-users").click()
    page.wait_for_url("**/#/topics/eu-users")


@pytest.mark.slow
def test_what_is_frozen_stays_until_it_goes_on(worker: PageWorker, open_page: Opening) -> None:
    worker.create("users", GENERATED)
    page = open_page("/connectors/users").page
    page.locator(".stage").nth(1).click()
    shown = page.get_by_role("region", name="Records at route")
    until(lambda: shown.locator("mark").count() >= 2)
    page.get_by_role("button", name="Freeze").click()
    page.get_by_text("frozen", exact=True).wait_for()
    held = (shown.inner_text(), figures(page))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)  # longer than from one look to the next
    assert (shown.inner_text(), figures(page)) == held
    assert [url for url in asked if "/samples" in url] == []
    page.get_by_role("button", name="Go on").click()
    until(lambda: shown.inner_text() != held[0])


def test_of_what_stands_still_it_is_said_why_no_record_goes_by(worker: PageWorker, open_page: Opening) -> None:
    worker.create("users", GENERATED, state="STOPPED")
    page = open_page("/connectors/users").page
    page.get_by_text("It is stopped: no record goes by until it is resumed.").wait_for()
    assert page.get_by_role("button", name="Freeze").count() == 0


def test_the_next_restart_is_counted_down_and_may_be_had_at_once(worker: PageWorker, open_page: Opening) -> None:
    worker.append("bad", b"no json")
    config = {
        "connector.class": "FileStreamSink", "topics": "bad", "file": str(worker.folder / "bad.out"),
        "value.converter": JSON, "errors.restart.policy": "all", "errors.restart.delay.ms": "40000",
        "errors.restart.max.attempts": "3",
    }  # fmt: skip
    worker.create("again", config)
    worker.until_state("again", "FAILED")
    page = open_page("/connectors/again").page
    card = page.get_by_role("status").filter(has_text="Restarts by itself in")
    assert "attempt 1 of 3, at " in card.inner_text()
    begun = seconds(card)
    assert 0 < begun <= 48  # the delay, by chance a fifth more
    until(lambda: 0 < seconds(card) < begun)
    card.get_by_role("button", name="Restart now").click()
    page.get_by_text("again was restarted").wait_for()
    page.locator(".failures").get_by_text("restarted").first.wait_for()
    # A restart that somebody asks for begins the count anew.
    card.get_by_text("attempt 1 of 3").wait_for()


def seconds(card: Any) -> int:
    return int(card.inner_text().partition("in ")[2].split()[0])
