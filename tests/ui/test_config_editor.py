"""The editor: one text and a form over it, checked while it is written; what is pasted; the plan before it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.pages import OpenPage, PageWorker, source, until

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe"


def editor(page: OpenPage) -> Any:
    return page.page.get_by_label("Config", exact=True)


def config_of(page: OpenPage) -> dict[str, str]:
    found: dict[str, str] = json.loads(editor(page).input_value())
    return found


def write(page: OpenPage, config: dict[str, str]) -> None:
    editor(page).fill(json.dumps(config, indent=2))


def paste(page: OpenPage, text: str) -> None:
    """Paste over all that there is, as Ctrl+V does."""
    editor(page).evaluate(
        """(area, text) => {
          area.focus();
          area.select();
          const data = new DataTransfer();
          data.setData("text/plain", text);
          area.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        text,
    )


def stored(worker: PageWorker, name: str) -> dict[str, str]:
    found: dict[str, str] = worker.client.get(f"/connectors/{name}/config").json()
    return found


def test_a_connector_is_made_of_a_pasted_config_with_an_error_in_it(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    (worker.folder / "in.txt").write_text("a\n")
    page = open_page("/new")
    paste(page, f"name=pasted\nconnector.class=FileStreamSource\nflie={worker.folder}/in.txt\ntopic=lines\n")
    page.page.get_by_text("Took it for").wait_for()
    assert "Java properties" in page.page.locator(".took").inner_text()
    assert page.page.get_by_label("Name").input_value() == "pasted"
    problem = page.page.locator("#problems li", has_text="did you mean file?")
    problem.wait_for()
    assert page.page.locator(".gutter .warn").inner_text().split() == ["▲", "3"]
    config = config_of(page)
    write(page, {("file" if key == "flie" else key): value for key, value in config.items()})
    problem.wait_for(state="detached")
    page.page.get_by_role("button", name="Review and create").click()
    page.page.get_by_text("A new connector.").wait_for()
    page.page.get_by_role("button", name="Create it").click()
    page.page.get_by_role("heading", name="pasted", exact=True).wait_for()
    until(lambda: stored(worker, "pasted").get("file") == f"{worker.folder}/in.txt")


@pytest.mark.parametrize(
    ("text", "took"),
    [
        ('{"name": "c", "config": {"connector.class": "FileStreamSource", "file": "f"}}', "{name, config}"),
        ('{"connector.class": "FileStreamSource", "file": "f"}', "keys and values"),
        ("debezium.source.connector.class=FileStreamSource\ndebezium.sink.type=http\n", "Debezium Server"),
        ('curl -X PUT k:8083/connectors/c/config -d \'{"connector.class": "FileStreamSource"}\'', "a command of curl"),
    ],
)
def test_whatever_is_pasted_is_read_and_said_what_it_was_taken_for(
    open_page: Callable[..., OpenPage], text: str, took: str
) -> None:
    page = open_page("/new")
    paste(page, text)
    page.page.locator(".took", has_text=took).wait_for()
    assert config_of(page)["connector.class"] == "FileStreamSource"


def test_of_several_pasted_connectors_one_is_chosen_and_what_is_no_config_is_an_error(
    open_page: Callable[..., OpenPage],
) -> None:
    page = open_page("/new")
    both = {name: {"connector.class": "FileStreamSource", "topic": name} for name in ("one", "two")}
    page.page.get_by_role("button", name="Paste anything").click()
    page.page.get_by_label("Text", exact=True).fill(json.dumps(both))
    page.page.get_by_role("button", name="Read it").click()
    page.page.locator(".took").get_by_role("button", name="two").click()
    assert config_of(page)["topic"] == "two"
    page.expect_errors("400")
    page.page.get_by_role("button", name="Paste anything").click()
    page.page.get_by_label("Text", exact=True).fill("what is this?")
    page.page.get_by_role("button", name="Read it").click()
    page.page.get_by_role("dialog").get_by_text("has no key of a connector").wait_for()


def test_a_key_is_mended_in_the_text_or_in_the_form_and_keys_of_ones_own_stay(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    page = open_page("/connectors/lines/config")
    write(page, {**config_of(page), "my.own": HOSTILE})
    page.page.get_by_role("button", name="Form").click()
    page.page.get_by_role("textbox", name="topic", exact=True).fill("other")
    assert page.page.get_by_role("textbox", name="my.own").input_value() == HOSTILE
    page.page.get_by_role("button", name="JSON").click()
    assert (config_of(page)["topic"], config_of(page)["my.own"]) == ("other", HOSTILE)
    page.page.get_by_role("button", name="Review and save").click()
    dialog = page.page.get_by_role("dialog")
    dialog.get_by_text("The connector and 1 task restart.").wait_for()
    assert "\\u{202e}" in dialog.inner_text()
    dialog.get_by_role("button", name="Save it").click()
    until(lambda: stored(worker, "lines")["topic"] == "other")
    assert stored(worker, "lines")["my.own"] == HOSTILE


def test_a_change_that_came_between_is_shown_beside_ones_own_and_both_are_put_together(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    page = open_page("/connectors/lines/config")
    write(page, {**config_of(page), "topic": "mine"})
    worker.client.put("/connectors/lines/config", json={**stored(worker, "lines"), "batch.size": "7"})
    page.page.get_by_role("button", name="Review and save").click()
    dialog = page.page.get_by_role("dialog", name="Somebody else was faster")
    dialog.wait_for()
    assert "batch.size" in dialog.get_by_role("region", name="Their changes").inner_text()
    assert "mine" in dialog.get_by_role("region", name="Your changes").inner_text()
    assert stored(worker, "lines")["topic"] != "mine"
    dialog.get_by_role("button", name="Put mine on top of theirs").click()
    page.page.get_by_role("button", name="Review and save").click()
    page.page.get_by_role("button", name="Save it").click()
    until(lambda: stored(worker, "lines")["topic"] == "mine")
    assert stored(worker, "lines")["batch.size"] == "7"


def test_text_that_is_no_json_is_told_with_its_line_and_cannot_be_sent(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    page = open_page("/connectors/lines/config")
    editor(page).fill('{\n  "connector.class": "X",\n  oops\n}')
    page.page.locator("#problems li.bad", has_text="line 3").wait_for()
    assert page.page.get_by_role("button", name="Review and save").is_disabled()
    assert page.page.get_by_role("button", name="Form").is_disabled()
    page.page.get_by_role("button", name="line 3").click()
    assert editor(page).evaluate("(a) => a.value.slice(a.selectionStart, a.selectionEnd)") == "  oops"


def test_keys_and_values_are_offered_and_taken_by_keyboard(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    page = open_page("/connectors/lines/config")
    page.page.locator("#problems", has_text="Nothing is wrong").wait_for()
    keys = page.page.keyboard
    editor(page).evaluate("(a) => { a.focus(); a.setSelectionRange(2, 2); }")
    keys.type("errors.tol")
    page.page.get_by_role("option", name="errors.tolerance").wait_for()
    keys.press("Tab")
    keys.type("all")
    assert config_of(page)["errors.tolerance"] == "all"
    keys.press("Control+z")
    editor(page).evaluate("(a) => { const i = a.value.indexOf('FileStream'); a.setSelectionRange(i + 10, i + 10); }")
    keys.press("Control+Space")
    page.page.locator("[role=option]").first.wait_for()
    keys.press("Escape")
    page.page.locator("[role=option]").first.wait_for(state="hidden")


def test_a_config_is_taken_along_in_each_form(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.create("lines", {**source(str(worker.folder / "x"), "t"), "odd key": " a\\b=grün"})
    page = open_page("/connectors/lines/config")
    texts = []
    for form in ("json", "nested", "properties"):
        with page.page.expect_download() as got:
            page.page.get_by_label("Download").select_option(form)
        texts.append(got.value.path().read_text())
    assert json.loads(texts[0])["name"] == "lines"
    assert json.loads(texts[1])["config"]["odd key"] == " a\\b=grün"
    assert "odd\\ key=\\ a\\\\b=gr\\u00fcn" in texts[2]
    read = worker.client.post("/v1/configs/parse", json={"text": texts[2]}).json()
    assert read["connectors"][0]["config"]["odd key"] == " a\\b=grün"


def test_a_source_of_debezium_is_taken_along_for_its_server_and_read_again(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page("/new")
    assert page.page.get_by_label("Download").locator("option[value=debezium]").count() == 0
    config = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "db",
        "topic.prefix": "shop",
        "transforms": "route",
        "transforms.route.type": "org.apache.kafka.connect.transforms.TimestampRouter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }
    editor(page).fill(json.dumps(config))
    with page.page.expect_download() as got:
        page.page.get_by_label("Download").select_option("debezium")
    text = got.value.path().read_text()
    assert "debezium.format.value=json\n" in text and "debezium.transforms.route.type=" in text
    read = worker.client.post("/v1/configs/parse", json={"text": text}).json()
    assert read["connectors"][0]["config"] == config


@pytest.mark.parametrize("size", [(1 << 20) - 64, 10 << 20])
def test_a_long_text_in_one_line_harms_nobody(open_page: Callable[..., OpenPage], size: int) -> None:
    page = open_page("/new")
    editor(page).evaluate(
        """(area, size) => {
          area.value = '{"a": "' + "x".repeat(size) + '"}';
          for (const at of [area.value.length, 1000, 0]) {
            area.setSelectionRange(at, at);
            area.dispatchEvent(new InputEvent("input", {bubbles: true}));
          }
        }""",
        size,
    )
    said = "too long for a config" if size > 1 << 20 else "connector.class"
    page.page.locator("#problems", has_text=said).wait_for()


def test_who_may_only_read_sees_the_config_and_no_buttons(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    page = open_page(None)
    me = {"user": "bob", "role": "read", "can_change": False, "open_to_others": False, "auth": "none"}
    page.page.route("**/v1/me", lambda route: route.fulfill(json=me))
    for path in ("/connectors/lines/config", "/connectors/lines/history", "/plugins", "/new"):
        page.go(path)
        for name in ("Review and save", "Paste anything", "Preview", "Back to this", "Look for new ones"):
            assert page.page.get_by_role("button", name=name).count() == 0, (path, name)
    page.go("/connectors/lines/config")
    assert editor(page).get_attribute("readonly") is not None


@pytest.mark.parametrize(
    ("path", "call", "what"),
    [
        ("/connectors/lines/config", "**/v1/connectors/lines/config", "The config could not be loaded"),
        ("/connectors/lines/config", "**/config/validate", "It could not be checked"),
        ("/connectors/lines/config", "**/connector-plugins?*", "The plugins could not be loaded"),
        ("/new?from=lines", "**/v1/connectors/lines/config", "The config to copy could not be loaded"),
        ("/connectors/lines/history", "**/history", "The history could not be loaded"),
        ("/connectors/lines/history", "**/history/diff?*", "The versions could not be compared"),
        ("/connectors/lines/letters", "**/v1/dlq", "The queues could not be loaded"),
        ("/letters", "**/v1/dlq", "The queues could not be loaded"),
        ("/letters", "**/v1/dlq-operations", "The operations could not be loaded"),
        ("/letters/dead", "**/v1/dlq/dead", "The causes could not be loaded"),
        ("/letters/dead", "**/v1/dlq/dead/letters?*", "The letters could not be loaded"),
        ("/topics", "**/v1/topics", "The topics could not be loaded"),
        ("/topics/t", "**/v1/topics/t", "The topic could not be loaded"),
        ("/topics/t", "**/v1/topics/t/search?*", "The records could not be read"),
        ("/topics/t", "**/connector-plugins?*", "The converters could not be loaded"),
        ("/topics/t", "**/connectors", "The connectors could not be loaded"),
        ("/plugins", "**/v1/plugins", "The plugins could not be loaded"),
        ("/compare?a=lines&b=lines", "**/v1/connectors/lines/config", "The configs could not be loaded"),
    ],
)
def test_a_call_that_fails_is_an_error_with_its_text_and_never_an_empty_list(
    worker: PageWorker, open_page: Callable[..., OpenPage], path: str, call: str, what: str
) -> None:
    worker.create("lines")
    worker.client.put("/connectors/lines/pause")  # a second version, to compare the first with
    worker.append("t", b"x")
    page = open_page(None)
    page.expect_errors("500", "404.*/v1/dlq/dead")  # there is no such queue, which is told as well
    page.page.route(
        call, lambda route: route.fulfill(status=500, json={"error_code": 500, "message": f"it broke {HOSTILE}"})
    )
    page.go(path)
    box = page.page.locator(".error-box", has_text=what).first
    box.wait_for()
    assert "it broke <img src=x" in box.inner_text()
    assert "HTTP 500" in box.inner_text()
    assert page.page.locator("img").count() == 0
    assert page.page.get_by_text("There is no topic yet").count() == 0
