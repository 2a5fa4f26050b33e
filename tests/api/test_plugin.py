from __future__ import annotations

from typing import ClassVar

import pytest

from connect.api import Config, ConfigT, Converter, HeaderConverter, SinkTask, SourceConnector, SourceTask, config_key
from connect.api.connector import config_class_of
from connect.api.plugin import Plugin


class TickConfig(Config):
    topic: str = config_key("Topic.")


class FastConfig(TickConfig):
    batch_size: int = config_key("Ticks in one poll.", default=10)


class TickTask(SourceTask[TickConfig]):
    pass


def test_the_config_in_brackets_is_the_config_class() -> None:
    class Both(Converter[TickConfig], HeaderConverter[TickConfig]):
        pass

    assert TickTask.config_class is TickConfig
    assert Both.config_class is TickConfig


def test_a_subclass_has_its_parents_config_class_unless_it_names_its_own() -> None:
    class Same(TickTask):
        pass

    class Own(TickTask):
        config_class: ClassVar[type[Config]] = FastConfig

    assert Same.config_class is TickConfig
    assert Own.config_class is FastConfig


def test_a_base_for_others_leaves_the_config_to_them() -> None:
    class Paced(SinkTask[ConfigT]):
        pass

    class Named(Paced[FastConfig]):
        pass

    assert Paced.config_class is Config
    assert Named.config_class is FastConfig


def test_without_brackets_config_class_says_it_as_ever() -> None:
    class Old(SourceTask):
        config_class = FastConfig

    class Plain(SourceTask):
        pass

    assert Old.config_class is FastConfig
    assert Plain.config_class is Config


def test_a_config_class_may_be_a_subclass_of_the_one_in_brackets_and_nothing_else() -> None:
    class Wider(SourceTask[TickConfig]):
        config_class = FastConfig

    assert Wider.config_class is FastConfig
    with pytest.raises(TypeError, match="Wrong has FastConfig in brackets and TickConfig as its config_class"):

        class Wrong(SourceTask[FastConfig]):
            config_class = TickConfig


def test_a_task_without_a_config_of_its_own_is_given_its_connectors() -> None:
    class Plain(SourceTask):
        pass

    class Source(SourceConnector[FastConfig]):
        task_class = Plain

    assert config_class_of(Source, Plain) is FastConfig
    assert config_class_of(Source, TickTask) is TickConfig


def test_a_plugin_goes_by_its_class_name_or_by_where_it_is() -> None:
    class Named(Plugin):
        class_name = "org.Named"

    assert Named.plugin_name() == "org.Named"
    assert TickTask.plugin_name() == f"{__name__}.TickTask"


def test_a_plugin_may_inherit_from_what_looks_at_its_subclasses_too() -> None:
    class Registered:
        def __init_subclass__(cls, *, label: str, **kwargs: object) -> None:
            super().__init_subclass__(**kwargs)
            cls.label = label

        label: ClassVar[str]

    class Tick(SourceTask[TickConfig], Registered, label="tick"):
        pass

    assert (Tick.label, Tick.config_class) == ("tick", TickConfig)
