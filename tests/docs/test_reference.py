"""The reference names what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click
import pytest

import connect.log
import connect.metrics.otel
import connect.rest.app
from connect.api import hooks
from connect.api.error_codes import CODES
from connect.cli.main import cli
from connect.log.log_config import LOG_KEYS, SYNONYMS
from connect.log.topic_config import KEYS as TOPIC_KEYS
from connect.runtime.hook_calls import HOOKS, OBSERVING_HOOKS
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.validator import framework_of, own_configs

DOCS = Path(__file__).parents[2] / "docs"
assert connect.log and connect.metrics.otel and connect.rest.app, "their error codes are registered on import"


def test_every_error_code_is_documented_with_its_meaning() -> None:
    assert PluginHost.discover(tells=False).list(PluginKind.SINK), "the codes of plugins are registered on import"
    text = (DOCS / "reference" / "errors.md").read_text()
    ours = {code: row for code, row in CODES.items() if not code.startswith("test")}
    missing = [code for code, row in ours.items() if f"| `{code}` | {row.meaning} |" not in text]
    assert missing == []


@pytest.mark.parametrize(("kind", "of"), [("FileStreamSource", "sources"), ("FileStreamSink", "sinks")])
def test_every_key_of_all_connectors_is_documented_with_its_meaning(kind: str, of: str) -> None:
    text = (DOCS / "reference" / "connector-configs.md").read_text()
    desc = PluginHost.discover(tells=False).resolve(kind, PluginKind.SOURCE, PluginKind.SINK)
    for declares in [framework_of(desc), *own_configs(desc)]:
        for name, key in declares.keys().items():
            row = rf"\| `{re.escape(name)}` \| (both|{of}) \| .*\| {re.escape(key.documentation)} \|\n"
            assert re.search(row, text), name


def test_every_page_is_in_the_index() -> None:
    index = (DOCS.parent / "README.md").read_text()
    pages = [path for folder in ("howto", "reference", "explanation") for path in (DOCS / folder).glob("*.md")]
    assert [path.name for path in pages if f"({path.relative_to(DOCS.parent)})" not in index] == []


def test_every_route_is_documented() -> None:
    text = (DOCS / "reference" / "rest.md").read_text()
    for part in connect.rest.app._PARTS:
        for route in part.router.routes:
            last = route.path.rstrip("/").rpartition("/")[2]  # type: ignore[attr-defined]
            assert last in text or last == "", route


def test_every_hook_is_documented_with_its_arguments() -> None:
    text = (DOCS / "reference" / "hooks.md").read_text()
    for name in HOOKS:
        given = inspect.signature(getattr(hooks, name)).parameters
        if name in OBSERVING_HOOKS:
            assert f"| `{name}` | {', '.join(f'`{argument}`' for argument in given)} |" in text
        else:
            assert f"| `{name}()` |" in text


def test_every_command_is_documented() -> None:
    text = (DOCS / "reference" / "cli.md").read_text()
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        assert f"connect {name}" in text
        for sub in getattr(command, "commands", {}):
            assert re.search(rf"\b{sub}\b", text), f"{name} {sub}"


@pytest.mark.parametrize(
    ("page", "kinds"),
    [
        ("transforms", (PluginKind.TRANSFORM, PluginKind.PREDICATE)),
        ("converters", (PluginKind.CONVERTER, PluginKind.HEADER_CONVERTER)),
    ],
)
def test_every_transform_and_converter_has_its_keys_documented(page: str, kinds: tuple[PluginKind, ...]) -> None:
    pages = [DOCS / "reference" / f"{page}.md", *(DOCS / "reference" / page).glob("*.md")]
    text = "".join(path.read_text() for path in pages)
    for desc in PluginHost.discover().list(*kinds):
        assert f"`{desc.name}`" in text
        for key in [key.name for key in desc.cls.config_class.keys().values()]:
            assert f"| `{key}` |" in text, f"{desc.name} {key}"


def test_links_between_pages_lead_to_a_page_and_a_heading_that_are_there() -> None:
    pages = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
            name, _, anchor = target.partition("#")
            path = (page.parent / name).resolve() if name else page
            assert path.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(path), f"{page.name}: {target}"
    assert any(anchors(page) for page in pages)


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in links, as the sites that show it call them."""
    found: set[str] = set()
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(
            name if name not in found else next(f"{name}-{n}" for n in range(1, 100) if f"{name}-{n}" not in found)
        )
    return found


def test_every_config_of_topics_and_of_the_log_is_documented() -> None:
    text = (DOCS / "reference" / "topic-configs.md").read_text()
    for name, key in TOPIC_KEYS.items():
        assert re.search(rf"\| `{re.escape(name)}` \|.*{re.escape(key.doc)} \|", text), name
    for name, (default, _, doc) in LOG_KEYS.items():
        assert f"| `{name}` | {default} | {doc} |" in text
    for name in SYNONYMS:
        assert f"`{name}`" in text


def test_every_command_s_option_is_documented() -> None:
    text = (DOCS / "reference" / "cli.md").read_text()
    for group in ("topic", "produce", "consume", "group", "log"):
        command = cli.get_command(click.Context(cli), group)
        assert command is not None
        for one in getattr(command, "commands", {"": command}).values():
            for option in (option for parameter in one.params for option in parameter.opts if option.startswith("--")):
                assert option in text, f"{group} {one.name} {option}"
