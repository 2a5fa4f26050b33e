"""Schemas: the subjects of the registry in this worker, what is done to them, and what is said where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.doors import PASSWORD, make_users
from tests.support.pages import OpenPage, PageWorker, pages_of, until
from tests.support.registries import avro_text
from tests.ui.test_users import log_in

#: A browser takes a second for what is quick elsewhere.
pytestmark = pytest.mark.slow

MARKUP = "<img src=x onerror=window.hit=1>"
ODD = [MARKUP, "a/b%2F;c?d#e", "..", ":.t:x/y", "safe‮gpj.exe", "__proto__"]


@pytest.fixture
def worker(tmp_path: Path) -> Any:
    config = tmp_path / "worker.properties"
    config.write_text("registry.listeners=http://127.0.0.1:0\n")
    with PageWorker(tmp_path, "--config", str(config)) as running:
        yield running


def register(worker: PageWorker, subject: str, text: str, **more: Any) -> None:
    named = f":.:{subject}" if subject == ".." else subject
    path = f"/v1/registry/subjects/{quote(named, safe='')}/versions"
    answer = worker.client.post(path, json={"schema": text, **more})
    assert answer.status_code == 200, answer.text


def told(worker: PageWorker, path: str) -> Any:
    return worker.client.get(f"/v1/registry{path}").json()


def test_subjects_are_listed_with_whose_their_levels_are_and_lead_to_their_versions(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    register(worker, "base", avro_text("x", name="Base"))
    refers = [{"name": "Base", "subject": "base", "version": 1}]
    fields = [{"name": "b", "type": "Base"}]
    register(worker, "user", json.dumps({"type": "record", "name": "U", "fields": fields}), references=refers)
    more = [*fields, {"name": "note", "type": ["null", "string"], "default": None}]
    register(worker, "user", json.dumps({"type": "record", "name": "U", "fields": more}), references=refers)
    register(worker, "gone", '"int"')
    worker.client.delete("/v1/registry/subjects/gone")
    worker.client.put("/v1/registry/config/user", json={"compatibility": "FULL"})
    opened = open_page("/schemas")
    page = opened.page
    rows = page.get_by_role("table", name="Subjects").locator("tbody tr")
    until(lambda: rows.count() == 2)
    assert "FULL own" in rows.nth(1).inner_text()
    page.get_by_label("deleted ones too").check()
    page.get_by_role("row", name="gone").get_by_text("deleted", exact=True).wait_for()
    page.get_by_label("Filter the subjects").fill("USE")
    until(lambda: rows.count() == 1)
    rows.first.get_by_role("link").click()
    page.get_by_role("heading", name="user", level=1).wait_for()
    assert '"name": "note"' in page.get_by_role("region", name="Schema text").inner_text()
    page.get_by_role("combobox", name="compared with").select_option("1")
    differing = page.get_by_role("region", name="From version 1 to 2")
    differing.wait_for()
    assert "note" in "".join(differing.locator(".after").all_inner_texts())
    assert differing.locator(".before").count() == 0
    page.get_by_role("link", name="base", exact=True).click()
    page.get_by_role("heading", name="base", level=1).wait_for()
    page.get_by_role("heading", name="Referenced by").wait_for()
    assert page.get_by_role("link", name="user").count() == 2


def test_a_schema_is_checked_before_it_is_registered_and_what_is_wrong_is_told(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page("/new-schema").page
    assert page.get_by_role("button", name="Register").is_disabled()
    page.get_by_role("textbox", name="Subject").fill("orders/value")
    page.get_by_role("textbox", name="Schema", exact=True).fill(avro_text("a"))
    page.get_by_role("button", name="Register").click()
    page.get_by_role("heading", name="orders/value", level=1).wait_for()
    page.get_by_role("button", name="Write it").click()
    editor = page.get_by_role("textbox", name="Schema", exact=True)
    until(lambda: '"name": "a"' in editor.input_value())
    editor.fill(avro_text("a", "b"))
    page.get_by_role("button", name="Check").click()
    page.get_by_text("It may not follow version 1, by the level BACKWARD.").wait_for()
    page.get_by_text("The field 'b' at path").first.wait_for()
    page.get_by_text("In the registry's words").click()
    page.get_by_text("READER_FIELD_MISSING_DEFAULT_VALUE").wait_for()
    page.get_by_role("button", name="Register").click()
    page.get_by_text("It was not registered").wait_for()
    assert told(worker, "/subjects/orders%2Fvalue/versions") == [1]
    editor.fill("{")
    page.get_by_role("button", name="Check").click()
    page.get_by_text("It is no schema that the registry takes.").wait_for()
    page.locator(".fault .mono").first.wait_for()
    editor.fill(avro_text("a", "b?"))
    page.get_by_role("button", name="Check").click()
    page.get_by_text("It may follow, by the level BACKWARD.").wait_for()
    page.get_by_role("button", name="Register").click()
    page.get_by_text("it is version 2").wait_for()
    assert told(worker, "/subjects/orders%2Fvalue/versions") == [1, 2]


def test_levels_are_set_and_given_back(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    register(worker, "s", '"int"')
    page = open_page("/schemas/s").page
    level = page.get_by_role("combobox", name="Level")
    for wanted, in_force in (("NONE", "NONE"), ("", "BACKWARD")):
        level.select_option(wanted)
        page.get_by_role("button", name="Set the level").click()
        page.get_by_role("button", name="Set the level").wait_for(state="detached")
        row = told(worker, "/overview/s")["subject"]
        assert (row["level"], row["level_is_own"]) == (in_force, wanted != "")
    worker.client.put("/v1/registry/config/s", json={"compatibility": "FULL", "normalize": True})
    page.get_by_label("Config").wait_for()
    level.select_option("")
    page.get_by_role("button", name="Set the level").click()
    page.get_by_role("button", name="Set the level").wait_for(state="detached")
    assert told(worker, "/overview/s")["config"] == {"normalize": True}


def test_a_subject_is_deleted_softly_and_then_for_good_and_both_are_asked(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    register(worker, "s", '"int"')
    page = open_page("/schemas/s").page
    actions = page.get_by_role("group", name="This subject")
    actions.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Leave it").click()
    assert told(worker, "/subjects") == ["s"]
    actions.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    actions.get_by_role("button", name="Delete for good").wait_for()
    assert told(worker, "/subjects?deleted=true") == ["s"] and told(worker, "/subjects") == []
    actions.get_by_role("button", name="Delete for good").click()
    page.get_by_role("dialog").get_by_text("There is no way back").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    page.get_by_text("No schema is registered yet.").wait_for()
    assert told(worker, "/subjects?deleted=true") == []


def test_what_the_registry_refuses_is_told_in_the_dialog(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    register(worker, "base", avro_text("x", name="Base"))
    text = '{"type":"record","name":"U","fields":[{"name":"b","type":"Base"}]}'
    register(worker, "user", text, references=[{"name": "Base", "subject": "base", "version": 1}])
    opened = open_page("/schemas/base")
    opened.expect_errors("422")
    opened.page.get_by_role("button", name="Delete version 1").click()
    opened.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    opened.page.get_by_role("dialog").get_by_text("One or more references exist").wait_for()


def test_hostile_names_and_texts_are_text(worker: PageWorker, open_page: Callable[..., OpenPage]) -> None:
    for name in ODD:
        register(worker, name, '"int"')
    deep = '{"type":"object","title":"' + MARKUP + '","x":' + "[" * 120 + "]" * 120 + "}"
    register(worker, "deep", deep, schemaType="JSON")
    opened = open_page("/schemas")
    page = opened.page
    rows = page.get_by_role("table", name="Subjects").locator("tbody tr")
    until(lambda: rows.count() == len(ODD) + 1)
    for i in range(len(ODD) + 1):
        opened.go("/schemas")
        link = rows.nth(i).get_by_role("link")
        text = link.inner_text()
        assert "‮" not in text
        link.click()
        page.get_by_role("heading", level=1).filter(has_text=text).wait_for()
        page.get_by_role("region", name="Schema text").wait_for()
        assert page.evaluate("window.hit") is None
        assert page.locator("main img").count() == 0
    # The name that is a way up: what is done to it is done to it.
    opened.go("/schemas/..")
    page.get_by_role("group", name="This subject").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete for good").first.wait_for()
    assert ".." not in told(worker, "/subjects")


def test_a_text_of_ten_megabytes_is_shown_when_it_is_asked_for_and_in_part(tmp_path: Path, browser: Any) -> None:
    config = tmp_path / "large.properties"
    keys = "rest.request.max.bytes=30000000\nmessage.max.bytes=30000000\nlog.max.message.bytes=30000000\n"
    config.write_text(f"registry.listeners=http://127.0.0.1:0\n{keys}")
    folder = tmp_path / "large"
    folder.mkdir()
    with PageWorker(folder, "--config", str(config)) as worker, pages_of(browser, worker.url) as opening:
        register(worker, "large", json.dumps({"type": "record", "name": "R", "fields": [], "doc": "d" * 10_000_000}))
        page = opening("/schemas/large").page
        page.get_by_role("button", name="Show it").click()
        text = page.get_by_role("region", name="Schema text")
        text.wait_for()
        assert 100_000 < len(text.inner_text()) < 300_000
        page.get_by_role("button", name="Write it").click()
        page.get_by_text("This is too long to be edited here").wait_for()


def test_who_may_only_read_sees_schemas_and_no_buttons(tmp_path: Path, browser: Any) -> None:
    users, _ = make_users(tmp_path)
    config = tmp_path / "users.properties"
    config.write_text(f"registry.listeners=http://127.0.0.1:0\nrest.authentication.file={users}\n")
    folder = tmp_path / "read"
    folder.mkdir()
    with PageWorker(folder, "--config", str(config)) as worker, pages_of(browser, worker.url) as opening:
        worker.client.auth = ("ann", PASSWORD)
        register(worker, "s", '"int"')
        opened = opening(None)
        log_in(opened, "bob", PASSWORD)
        opened.page.get_by_text("read only").wait_for()
        opened.go("/schemas")
        opened.page.get_by_role("table", name="Subjects").wait_for()
        assert opened.page.get_by_role("link", name="New schema").count() == 0
        opened.go("/schemas/s")
        opened.page.get_by_role("region", name="Schema text").wait_for()
        for label in ("Delete", "Write it", "Delete version 1", "Set the level"):
            assert opened.page.get_by_role("button", name=label, exact=True).count() == 0, label


def test_where_none_runs_it_is_said_how_to_get_one_and_what_converters_use(tmp_path: Path, browser: Any) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    with PageWorker(folder) as worker, pages_of(browser, worker.url) as opening:
        avro = "io.confluent.connect.avro.AvroConverter"
        config = {
            "connector.class": "FileStreamSink", "topics": "t", "file": str(folder / "out"),
            "value.converter": avro, "value.converter.schema.registry.url": "http://u:secret@away:8081",
        }  # fmt: skip
        worker.create("uses-one", config, state="STOPPED")
        page = opening("/schemas").page
        page.get_by_text("registry.listeners=http://127.0.0.1:8081").wait_for()
        used = page.get_by_role("region", name="Used by converters")
        used.get_by_role("link", name="uses-one").wait_for()
        assert "away:8081" in used.inner_text() and "secret" not in page.content()


def test_a_text_is_laid_out_without_a_change_of_what_it_says(
    worker: PageWorker, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page("/schemas").page
    given = [
        '{"b":1,"10":{},"2":[ ],"b":12345678901234567890.10,"a":"x{,:\\"}","c":[1,{"d":null}]}',
        '"int"', "{", "]]", '{"a', "[" * 200,
    ]  # fmt: skip
    script = "async (given) => (await import('./js/parts/lines.js')).laidOut(given)"
    made = [page.evaluate(script, one) for one in given]
    lines = [
        "{", '  "b": 1,', '  "10": {},', '  "2": [],', '  "b": 12345678901234567890.10,', '  "a": "x{,:\\"}",',
        '  "c": [', "    1,", "    {", '      "d": null', "    }", "  ]", "}",
    ]  # fmt: skip
    assert made[0].split("\n") == lines
    assert ["".join(one.split()) for one in made] == ["".join(one.split()) for one in given]
    # What would take long, or grow by its square, does not.
    for large in ("'[1],'.repeat(250000)", "'['.repeat(90) + '1,'.repeat(400000)", "'\"' + '\\\\n'.repeat(500000)"):
        length = page.evaluate(f"async () => (await import('./js/parts/lines.js')).laidOut({large}).length")
        assert length < 5_000_000
