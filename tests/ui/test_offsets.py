"""Where a connector stands, and the way back: of a source only what its plugin can make sense of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.pages import OpenPage, PageWorker, until
from tests.support.worker import STRING

BIG = 9007199254740993  # no number of JavaScript's

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow


def test_a_source_is_sent_to_its_beginning_or_to_offsets_that_one_writes(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.create("lines")
    until(lambda: worker.client.get("/connectors/lines/offsets").json()["offsets"])
    opened = open_page("/connectors/lines/offsets")
    page = opened.page
    page.get_by_text("Its offsets are forgotten, in 1 partition").wait_for()
    assert page.get_by_label("Time").count() == 0, "a time is refused of sources, and not offered"
    page.get_by_label("offsets that you write").check()
    text = page.get_by_role("textbox", name="Offsets")
    committed = text.input_value()
    text.fill("[")
    page.get_by_text("It is no JSON").wait_for()
    assert page.get_by_role("button", name="Set the offsets").is_disabled()
    text.fill(committed.replace('"position": 14', f'"position": {BIG}'))
    page.get_by_text("only its plugin knows").wait_for()
    assert f'"position":{BIG}' in page.get_by_role("region", name="Partitions").inner_text()
    assert opened.axe() == []
    text.fill(committed.replace('"position": 14', '"position": 4'))
    page.get_by_role("button", name="Set the offsets").click()
    page.get_by_text("lines goes on from there").wait_for()
    until(lambda: topic_end(worker) == 5)  # two of three lines came again


def test_what_a_rewind_does_is_told_anew_once_it_was_done(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    worker.append("in", *(b"%d" % n for n in range(5)))
    out = worker.folder / "out.txt"
    config = {"connector.class": "FileStreamSink", "topics": "in", "file": str(out), "value.converter": STRING}
    worker.create("to-file", config)
    until(lambda: worker.client.get("/v1/connectors/to-file/lag").json()["lag"] == 0)
    assert worker.client.put("/connectors/to-file/stop").status_code < 300
    worker.until_state("to-file", "STOPPED")
    page = open_page("/connectors/to-file/offsets").page
    page.get_by_role("spinbutton", name="Records on, or back").fill("-3")
    page.get_by_role("button", name="Set, and send 3 records again").click()
    page.get_by_text("to-file goes on from there").wait_for()
    # Once more is two records further back, as there are no more.
    page.get_by_role("button", name="Set, and send 2 records again").wait_for()


def topic_end(worker: PageWorker) -> int:
    partition = worker.client.get("/v1/topics/topic-lines").json()["partitions"][0]
    return int(partition["log_end_offset"])
