"""Pages of a worker's web page in a browser, and workers to look at.

What the console or the page itself says of errors fails the test that opened it, unless the test has said that it is to
come: a page that works is silent.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.debian import Program
from tests.support.forks import ForkedWorker
from tests.support.worker import DEADLINE_S, STRING

AXE: Final = Path(__file__).parents[1] / "ui" / "vendor" / "axe.min.js"
#: The rules of WCAG 2, levels A and AA, and what is good practice besides.
_AXE: Final = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const found = await axe.run(document, {runOnly: tags});
  const told = (node) => `  ${node.html.slice(0, 160)}\\n  ${node.failureSummary}`;
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.help}\\n` + one.nodes.slice(0, 4).map(told).join("\\n"));
}"""


class PageWorker:
    """A worker process with a client of its REST; leaves with the block."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self._process = ForkedWorker(folder / "data", *arguments, **environment)
        self.url = self._process.url()
        self.client = httpx.Client(base_url=self.url, timeout=DEADLINE_S)

    def __enter__(self) -> PageWorker:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.client.close()
        self._process.__exit__(*exc_info)

    def cpu_s(self) -> float:
        """Return the processor time that the worker has taken."""
        fields = Path(f"/proc/{self._process.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the process, as an outage."""
        self._process.kill()

    def create(self, name: str, config: dict[str, str] | None = None, *, state: str = "RUNNING") -> None:
        """Make a connector: without a config a source of lines of a file of its own."""
        if config is None:
            lines = self.folder / "lines.txt"
            if not lines.exists():
                lines.write_text("one\ntwo\nthree\n")
            config = source(str(lines), f"topic-{re.sub(r'[^A-Za-z0-9]', '', name)[:60]}")
        body = {"name": name, "config": config, "initial_state": state}
        answer = self.client.post("/connectors", json=body)
        assert answer.status_code == 201, answer.text

    def create_failing(self, name: str, *, topic: str = "bad") -> None:
        """Make a sink whose task fails: its records are no JSON."""
        self.append(topic, b"no json")
        config = {
            "connector.class": "FileStreamSink", "topics": topic, "file": str(self.folder / f"{topic}.out"),
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        }  # fmt: skip
        self.create(name, config)
        self.until_state(name, "FAILED")

    def append(self, topic: str, *values: bytes, partition: int = 0) -> None:
        """Append records to a topic, which is made where it is missing."""
        from base64 import b64encode

        self.client.post("/v1/topics", json={"name": topic, "partitions": 1})
        records = [{"partition": partition, "value": b64encode(value).decode()} for value in values]
        answer = self.client.post(f"/v1/topics/{topic}/records", json={"records": records})
        assert answer.status_code < 300, answer.text

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/connectors/{name}/status").json()
        return found

    def until_state(self, name: str, state: str) -> None:
        """Wait until a connector, or one of its tasks, is in a state."""

        def holds() -> bool:
            status = self.status(name)
            parts = [status.get("connector", {}), *status.get("tasks", [])]
            return any(part.get("state") == state for part in parts)

        until(holds)


def source(file: str, topic: str, **more: str) -> dict[str, str]:
    """Return the config of a source of lines."""
    return {"connector.class": "FileStreamSource", "file": file, "topic": topic, "value.converter": STRING, **more}


def until(condition: Callable[[], Any], *, deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {condition}"
        time.sleep(0.02)


@contextmanager
def browser_of(program: Program) -> Iterator[Any]:
    """Run Chromium without a window; where it does not start the test is skipped, with what it said."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=str(program.path),
                env=program.environment,
                args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"],
            )
        except Error as error:
            pytest.skip(f"the page is not tried: {program.path} does not start: {str(error)[:500]}")
        try:
            yield browser
        finally:
            browser.close()


class OpenPage:
    """A page that is open: `page` is playwright's; the rest is what our tests ask of it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self._expected: list[re.Pattern[str]] = []
        self._errors: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._errors.append(f"{error}"))

    def _hear(self, said: Any) -> None:
        if said.type in ("error", "warning"):
            self._errors.append(f"{said.text} {said.location.get('url', '')}")

    def go(self, path: str) -> None:
        """Open an address of the page, and wait until it shows something other than that it loads."""
        self.page.goto(f"{self.url}/ui/#{path}")
        self.settled()

    def settled(self) -> None:
        """Wait until nothing on the page says that it loads."""
        self.page.wait_for_selector("main :not(.loading)", state="attached")
        self.page.locator("[aria-busy=true]").first.wait_for(state="detached")

    def expect_errors(self, *patterns: str) -> None:
        """Let errors whose text holds one of these patterns pass."""
        self._expected += [re.compile(pattern) for pattern in patterns]

    def errors(self) -> list[str]:
        """Return what the console and the page said, other than what was expected."""
        return [text for text in self._errors if not any(pattern.search(text) for pattern in self._expected)]

    def axe(self) -> list[str]:
        """Return what axe-core finds that is serious or critical."""
        self.page.evaluate(AXE.read_text())
        found: list[str] = self.page.evaluate(_AXE)
        return found


class _Pages:
    def __init__(self, browser: Any, url: str) -> None:
        self._browser = browser
        self._url = url
        self.opened: list[OpenPage] = []
        self.contexts: list[Any] = []

    def __call__(
        self, path: str | None = "/", *, width: int = 1280, height: int = 800, theme: str = "light", init: str = ""
    ) -> OpenPage:
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, locale="en-GB", timezone_id="UTC"
        )
        context.set_default_timeout(DEADLINE_S * 1000)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.contexts.append(context)
        if init:
            context.add_init_script(init)
        opened = OpenPage(context.new_page(), self._url)
        self.opened.append(opened)
        if path is not None:
            opened.go(path)
        return opened


@contextmanager
def pages_of(browser: Any, url: str) -> Iterator[_Pages]:
    """Give a function that opens pages; they are closed with the block, and what they said is looked at."""
    pages = _Pages(browser, url)
    try:
        yield pages
        said = [error for page in pages.opened for error in page.errors()]
        assert said == [], "the console says: " + "\n".join(said)
    finally:
        for context in pages.contexts:
            context.close()
