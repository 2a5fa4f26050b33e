"""Names, messages, traces and records of others are text, whatever they hold."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.support.page_answers import answer, failures, logs, samples
from tests.support.pages import OpenPage, PageWorker, source, until

MARKUP = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
BIDI = "safe\u202egpj.exe\u2066\u200b"
CONTROL = "a\u0007b\u001b[31mred\u0000"
OTHERS = ["javascript:window.hit=1", "__proto__", "constructor", "'\"><svg onload=window.hit=1>", "%2f..%2f", "{{7*7}}"]
NAMES = [MARKUP.replace("/", ""), BIDI, *OTHERS]


def nothing_happened(opened: OpenPage) -> None:
    assert opened.page.evaluate("window.hit") is None
    assert opened.page.locator("main img, main script, main iframe, main object").count() == 0


@pytest.mark.slow
def test_hostile_names_are_text_and_their_pages_open(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    made = []
    for i, name in enumerate(NAMES):
        config = source(str(worker.folder / "none.txt"), f"t{i}")
        answered = worker.client.post("/connectors", json={"name": name, "config": config, "initial_state": "STOPPED"})
        if answered.status_code == 201:
            made.append(name)
    assert len(made) >= 5
    opened = open_page("/")
    page = opened.page
    until(lambda: page.locator("tbody tr[data-row]").count() == len(made))
    shown = page.locator("tbody .c-name").all_inner_texts()
    assert not any("\u202e" in text for text in shown)
    nothing_happened(opened)
    for i in range(len(made)):
        opened.go("/")
        link = page.locator("tbody .c-name a").nth(i)
        text = link.inner_text()
        link.click()
        page.get_by_role("heading", level=1).filter(has_text=text).wait_for()
        page.get_by_role("button", name="Resume").wait_for()
        nothing_happened(opened)
    opened.go(f"/connectors/{quote(BIDI)}")
    page.get_by_role("group", name="Actions").get_by_role("button", name="curl").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").wait_for()
    for path in (None, "/", f"/compare?a={quote(BIDI)}", f"/new?class={quote(BIDI)}"):
        if path is not None:
            opened.go(path)
        # Neither what is read nor what a pointer or a screen reader is told; a link and a field have to hold the name.
        held = page.evaluate(f"""() => [...document.querySelectorAll("*")].flatMap((one) => [
            ...[...one.attributes].filter(({{name}}) => !["href", "value"].includes(name)).map(({{value}}) => value),
            one.matches("input, textarea") ? "" : [...one.childNodes].map((node) => node.data ?? "").join("")])
            .filter((text) => text.includes({BIDI[4]!r}))""")
        assert held == []


@pytest.mark.parametrize("text", [MARKUP, BIDI, CONTROL], ids=["markup", "bidi", "control"])
def test_hostile_messages_traces_records_and_lines_are_text(
    worker: PageWorker, open_page: Callable[..., OpenPage], text: str
) -> None:
    worker.create_failing("bad-sink")
    opened = open_page(None)
    page = opened.page
    answer(page, "**/failures", failures(text, trace=f"{text}\n\tat {text}"))
    answer(page, "**/samples?*", samples(text))
    answer(page, "**/logs?*", logs(text))
    opened.go("/connectors/bad-sink")
    page.locator(".stage").nth(1).click()
    page.locator(".record").first.wait_for()
    for summary in page.locator("details summary").all():
        summary.click()
    body = page.locator("main").inner_text()
    assert not any(hidden in body for hidden in ("\u202e", "\u2066", "\u200b", "\u0007", "\u001b"))
    if text == BIDI:
        assert "\\u{202e}" in body
    nothing_happened(opened)
    opened.go("/connectors/bad-sink/logs")
    page.locator(".log li").first.wait_for()
    nothing_happened(opened)


@pytest.mark.slow
def test_a_trace_of_ten_megabytes_does_no_harm(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    worker.create_failing("bad-sink")
    opened = open_page(None)
    page = opened.page
    long = "frame of a trace\n" * 600_000
    told = failures("x" * 100_000)
    told["failures"][0]["python_trace"] = long
    answer(page, "**/failures", told)
    answer(page, "**/samples?*", samples("y" * 300_000))
    answer(page, "**/logs?*", logs("z" * 10_000))
    opened.go("/connectors/bad-sink")
    page.get_by_text("Python frames").first.click()
    assert page.locator(".failure pre").first.inner_text().count("\n") < 5000
    page.locator(".stage").nth(1).click()
    page.locator(".record").first.wait_for()
    opened.go("/connectors/bad-sink/logs")
    page.locator(".log li").first.wait_for()


def test_a_failure_that_a_proxy_words_is_text(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    opened = open_page(None)
    opened.expect_errors("Failed to load resource")
    answer(opened.page, "**/v1/warnings", MARKUP, 502)
    opened.page.goto(f"{worker.url}/ui/")
    opened.page.get_by_text("HTTP 502").wait_for()
    nothing_happened(opened)
