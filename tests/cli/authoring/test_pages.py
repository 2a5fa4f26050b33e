from __future__ import annotations

from connect.api import Config, SinkConnector, SinkTask, Transform, config_key
from connect.cli.authoring.pages import page_of
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc


class HailConfig(Config):
    mode: str = config_key("How | it falls.", one_of=("hard", "soft"), default="hard", importance="low")
    token: str = config_key("Who may.")


class HailTask(SinkTask[HailConfig]):
    """Falls."""


class HailSink(SinkConnector[HailConfig]):
    """Lets it hail.

    From above.
    """

    class_name = "org.example.HailSink"
    aliases = ("org.example.old.Hail",)
    version = "1.2"
    task_class = HailTask


class Melt(Transform):
    """Melts what comes.

    Args:
        x: Nothing of the page.
    """


SINK = PluginDesc(HailSink, PluginKind.SINK, "hail 1.2")


def test_a_class_is_told_with_its_names_its_promise_and_its_keys() -> None:
    page = page_of("HailSink", [SINK])
    assert page.startswith("# HailSink\n\nA sink, version 1.2: `org.example.HailSink`, `org.example.old.Hail`.\n")
    assert "Lets it hail.\n\nFrom above.\n" in page
    assert "at-least-once" in page
    assert "| `mode` | STRING | `hard` | hard, soft | low | How \\| it falls. |" in page
    assert "| `token` | STRING | required |" in page


def test_a_plugin_of_several_classes_has_a_table_and_a_section_for_each() -> None:
    page = page_of("hail", [SINK, PluginDesc(Melt, PluginKind.TRANSFORM, "hail 1.2")])
    assert "| [HailSink](#hailsink) | sink | Lets it hail. |" in page
    assert "| [Melt](#melt) | transform | Melts what comes. |" in page
    assert "## Melt\n" in page
    assert "Nothing of the page" not in page
    assert "It has no keys of its own." in page
