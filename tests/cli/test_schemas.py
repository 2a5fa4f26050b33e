from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Done, assert_refused, connect
from tests.support.registries import avro_text, served
from tests.support.schema_registry import memory_registry


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of a registry that is served by another thread."""
    found: list[str] = []
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with served(tmp_path / "data") as client:
            found.append(str(client.base_url))
            ready.set()
            await asyncio.to_thread(done.wait, 120)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(60)
    yield found[0]
    done.set()
    thread.join()


def schema(url: str, command: str, *arguments: str | Path) -> Done:
    return connect("schema", command, *arguments, "--url", url)


def test_schemas_are_registered_listed_shown_checked_and_deleted(url: str, tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{name}.avsc" for name in ("one", "two", "three"))
    for path, fields in ((one, ["a"]), (two, ["a", "b?"]), (three, ["a", "b?", "c"])):
        path.write_text(avro_text(*fields))
    assert schema(url, "register", "orders-value", one).stdout == "orders-value version 1 has id 1\n"
    assert json.loads(schema(url, "register", "orders-value", two, "--json").stdout)["version"] == 2
    assert schema(url, "list").stdout.splitlines()[1].split() == ["orders-value", "2", "2", "AVRO"]
    shown = json.loads(schema(url, "show", "orders-value").stdout)
    assert [field["name"] for field in shown["fields"]] == ["a", "b"]
    assert json.loads(schema(url, "show", "orders-value", "1", "--json").stdout)["id"] == 1
    fits = schema(url, "check", "orders-value", two)
    assert (fits.returncode, fits.stdout) == (0, "orders-value: compatible\n")
    unfit = schema(url, "check", "orders-value", three)
    assert unfit.returncode == 1 and "READER_FIELD_MISSING_DEFAULT_VALUE" in unfit.stdout
    assert schema(url, "check", "orders-value", three, "--version", "1").returncode == 1
    refused = schema(url, "register", "orders-value", three)
    assert refused.returncode == 1 and "incompatible with an earlier schema" in refused.stderr
    assert schema(url, "delete", "orders-value", "1", "--yes").stdout == "deleted version 1 of orders-value\n"
    assert json.loads(schema(url, "delete", "orders-value", "--yes", "--json").stdout)["deleted"] == [2]
    assert schema(url, "list", "--deleted").stdout.count("orders-value") == 1
    assert schema(url, "delete", "orders-value", "--yes", "--permanent").returncode == 0
    assert json.loads(schema(url, "list", "--json").stdout) == []


def test_a_registry_that_knows_no_pages_is_listed_to_its_end() -> None:
    page = [{"subject": "a", "version": 1, "id": 1, "schema": "x"}, {"subject": "b", "version": 2, "id": 2}]
    with memory_registry() as registry:
        registry.answers += [(200, page, {})] * 3
        listed = schema(registry.url, "list", "--json")
        assert json.loads(listed.stdout) == page
        assert len(registry.asked) == 2


def test_references_are_named(url: str, tmp_path: Path) -> None:
    (tmp_path / "base.avsc").write_text(avro_text(name="Base"))
    (tmp_path / "user.txt").write_text('{"type":"array","items":"Base"}')
    assert schema(url, "register", "base", tmp_path / "base.avsc").returncode == 0
    made = schema(url, "register", "user", tmp_path / "user.txt", "--type", "avro", "--reference", "Base=base:1")
    assert made.returncode == 0, made.stderr
    assert_refused(
        schema(url, "register", "user", tmp_path / "user.txt", "--type", "avro", "--reference", "Base"),
        2,
        "config.invalid",
        "NAME=SUBJECT:VERSION",
    )
    assert_refused(schema(url, "register", "user", tmp_path / "user.txt"), 2, "config.invalid", "does not say")


def test_what_is_not_there_is_told(url: str) -> None:
    assert_refused(schema(url, "show", "none"), 1, "registry.refused", "Subject 'none' not found.")
    away = schema("http://127.0.0.1:1", "list")
    assert_refused(away, 3, "environment.unreachable", "no schema registry answers at http://127.0.0.1:1")
    assert "connect registry" in away.stderr
    # A path behind the address that is not the registry's: so is a worker's REST, and Apicurio's without its path.
    for command in (("list",), ("show", "none"), ("delete", "none", "--yes")):
        refused = schema(f"{url}/nowhere", *command)
        assert_refused(refused, 3, "environment.unreachable", f"what answers at {url}/nowhere is no schema registry")


def test_a_user_in_the_address_is_the_registrys_and_goes_before_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECT_USERNAME", "worker")
    monkeypatch.setenv("CONNECT_PASSWORD", "the worker's")
    monkeypatch.setenv("CONNECT_TOKEN", "the worker's")
    with memory_registry() as registry:
        registry.login = "ann:p w"
        registry.add("orders-value", '"string"')
        host = registry.url.removeprefix("http://")
        monkeypatch.setenv("CONNECT_REGISTRY_URL", f"http://ann:p%20w@{host}")
        assert connect("schema", "show", "orders-value").stdout == '"string"\n'
        refused = connect("schema", "show", "orders-value", "--url", registry.url)
        assert_refused(refused, 1, "auth.required", "user in CONNECT_REGISTRY_URL, as http://user:password@HOST:8081")
        assert not any("the worker's" in text for text in registry.headers[0].values())
