"""Topics and their records: the last ones, from an offset or a time, by key and text, decoded as chosen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.pages import OpenPage, PageWorker, source, until
from tests.support.schema_registry import memory_registry

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow

HOSTILE = b'{"<b>x</b>": "<script>alert(1)</script>", "bidi": "\xe2\x80\xaetxt", "deep": [[[[1]]]]}'


def test_topics_are_listed_and_filtered(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.append("orders", b"x")
    worker.append("lines", b"x")
    opened = open_page("/topics")
    page = opened.page
    table = page.get_by_role("table", name="Topics")
    assert {"lines", "orders"} <= set(table.locator("tbody a").all_inner_texts())
    page.get_by_label("Filter the topics").fill("ord")
    assert table.locator("tbody a").all_inner_texts() == ["orders"]
    assert "q=ord" in page.url
    assert opened.axe() == []


def test_records_are_shown_newest_first_and_opened_as_a_tree(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.append("t", b"one", b"two", HOSTILE)
    opened = open_page("/topics/t")
    page = opened.page
    rows = page.locator("ul.records > li")
    assert rows.count() == 3
    assert "script" in rows.first.inner_text()
    rows.first.locator("button").click()
    tree = page.get_by_role("region", name="Record").inner_text()
    assert "<b>x</b>" in tree
    assert "<script>alert(1)</script>" in tree
    assert "\\u{202e}" in tree
    assert page.locator("main script").count() == 0
    assert opened.axe() == []


def test_numbers_keep_all_of_their_digits(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.append("t", b'{"id": 9007199254740993, "ids": [9007199254740995], "small": 7}')
    page = open_page("/topics/t").page
    row = page.locator("ul.records > li").first
    row.locator("button").click()
    tree = page.get_by_role("region", name="Record").inner_text()
    assert "9007199254740993" in tree and "9007199254740995" in tree
    # A letter's list that is mended in one place is sent whole.
    patch = page.evaluate("""async () => {
        const { fromJson } = await import("./js/parts/json.js");
        const { patchOf } = await import("./js/parts/json-patch.js");
        const ids = (first) => fromJson(`{"ids": [${first}, 9007199254740993]}`);
        return JSON.stringify(patchOf(ids(1), ids(2)));
    }""")
    assert patch == '[{"op":"replace","path":"/ids","value":[2,9007199254740993]}]'


def test_records_are_looked_for_by_text_and_from_an_offset(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.append("t", *(b"number %d" % n for n in range(120)))
    page = open_page("/topics/t?from=start").page
    rows = page.locator("ul.records > li")
    assert rows.count() == 50
    page.get_by_role("button", name="Look further").click()
    page.locator("ul.records > li").nth(99).wait_for()
    page.get_by_label("Text within").fill("number 77")
    page.get_by_label("Text within").press("Enter")
    page.get_by_text("1 found among 120 looked at").wait_for()
    assert "number 77" in rows.inner_text()
    page.get_by_label("Text within").fill("")
    page.get_by_label("Text within").press("Enter")
    page.locator(".search-bar select").first.select_option("offset")
    page.get_by_role("spinbutton", name="Offset").fill("118")
    page.get_by_role("spinbutton", name="Offset").press("Enter")
    page.get_by_text("2 found among 2 looked at").wait_for()


def test_what_is_being_written_stays_while_the_page_is_drawn_anew(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.append("t", *(b"number %d" % n for n in range(3)))
    page = open_page("/topics/t?from=offset&offset=1").page
    page.get_by_text("2 found among 2 looked at").wait_for()
    page.get_by_role("spinbutton", name="Offset").fill("2")
    page.get_by_label("Text within").fill("number")
    with page.expect_response(lambda told: told.url.endswith("/v1/topics/t")):  # each five seconds
        worker.append("t", b"one more")
    page.get_by_text("offsets 0–4").wait_for()
    assert page.get_by_label("Text within").input_value() == "number"


def test_records_are_decoded_as_chosen_and_what_cannot_be_is_told(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.append("t", b'{"id": 7}', b"broken")
    page = open_page("/topics/t").page
    page.get_by_label("shown as").select_option(label="JsonConverter")
    page.locator("ul.records > li", has_text="not decoded").wait_for()
    page.locator("ul.records > li", has_text="broken").locator("button").click()
    page.get_by_text("serialization error").wait_for()


def test_converters_with_a_registry_are_offered_with_each_that_connectors_name(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    with memory_registry() as registry:
        registry.add("t-value", '"string"')
        avro = {
            "value.converter": "io.confluent.connect.avro.AvroConverter",
            "value.converter.schema.registry.url": registry.url,
        }
        worker.create("names-it", source("none.txt", "other", **avro), state="STOPPED")
        worker.append("t", b"\0\0\0\0\1\6one")
        page = open_page("/topics/t").page
        offered = page.get_by_label("shown as").locator("option").all_inner_texts
        until(lambda: f"AvroConverter, {registry.url}" in offered())
        assert "AvroConverter" not in offered(), "without a registry it can read nothing"
        page.get_by_label("shown as").select_option(label=f"AvroConverter, {registry.url}")
        page.locator("ul.records > li", has_text="one").wait_for()
        assert page.get_by_text("base64").count() == 0


def test_a_topic_is_followed(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.append("t", b"one")
    page = open_page("/topics/t").page
    page.get_by_label("follow").check()
    worker.append("t", b"two")
    page.locator("ul.records > li", has_text="two").wait_for()


def test_the_last_records_are_those_of_all_partitions(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.client.post("/v1/topics", json={"name": "t", "partitions": 3})
    worker.append("t", *(b"old %d" % n for n in range(70)))
    worker.append("t", b"newer", partition=1)
    page = open_page("/topics/t").page
    rows = page.locator("ul.records > li")
    rows.first.wait_for()
    assert rows.count() == 50
    assert "newer" in rows.first.inner_text()
    assert "old 69" in rows.nth(1).inner_text()
    page.get_by_label("follow").check()
    worker.append("t", b"newest", partition=2)
    page.locator("ul.records > li", has_text="newest").wait_for()


def test_a_topic_that_is_not_there_is_an_error(open_page: Callable[..., OpenPage]) -> None:
    opened = open_page(None)
    opened.expect_errors("404")
    opened.go("/topics/none")
    opened.page.locator(".error-box", has_text="The records could not be read").wait_for()


def test_records_with_times_that_no_calendar_has_are_shown(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    far = {"message.timestamp.after.max.ms": str((1 << 63) - 1)}
    assert worker.client.post("/v1/topics", json={"name": "t", "partitions": 1, "configs": far}).status_code == 201
    worker.append("t", b"one")
    for stamp in (1 << 62, (1 << 53) - 1, -1):
        record = {"partition": 0, "value": "eA==", "timestamp": stamp}
        assert worker.client.post("/v1/topics/t/records", json={"records": [record]}).status_code == 200
    page = open_page("/topics/t").page
    rows = page.locator("ul.records > li")
    rows.nth(3).wait_for()
    assert "0 @ 1" in rows.first.inner_text()
    assert "NaN" not in page.locator("ul.records").inner_text()
