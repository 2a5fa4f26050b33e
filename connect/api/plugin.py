"""What every plugin class has: its names, its version, its config."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, get_args, get_origin

from typing_extensions import TypeVar

from connect.api.config import Config

#: The config of a plugin class: `class TickTask(SourceTask[TickConfig])`. Left out it is any `Config`. A plugin of one
#: config is a plugin, so it varies with it.
ConfigT = TypeVar("ConfigT", bound=Config, default=Config, covariant=True)


class Plugin(Generic[ConfigT]):
    """The base of connectors, tasks, converters, transforms and predicates.

    Each takes the class of its config in brackets, `Transform[MaskConfig]`, for its own code to be typed: `self.config`
    is that class's, and `config_class` need not be written. Without brackets `config_class` says it, and a type checker
    knows of `config` no more than that it is a `Config`.

    Class attributes:
        config_class: The declaration of the plugin's own keys.
        class_name: The name that REST shows and configs give; Kafka's class name where the plugin does what a known
            class does, so that its configs run unchanged. Left out: 'module.ClassName'.
        aliases: Further names that configs may give. The simple name of each (behind the last '.'), also without its
            kind ('FileStreamSourceConnector', 'FileStreamSource'), is understood by itself.
        version: Shown by REST. Left out: the version of the distribution that the plugin is installed with; for a
            module in a folder of plugin.path its `__version__`, or 0.0.0.
    """

    config_class: ClassVar[type[Config]] = Config
    class_name: ClassVar[str | None] = None
    aliases: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[str] = "0.0.0"

    config: ConfigT

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        named = _config_in_brackets(cls)
        if named is None:
            return
        if "config_class" not in vars(cls):
            cls.config_class = named
        elif isinstance(cls.config_class, type) and not issubclass(cls.config_class, named):
            raise TypeError(
                f"{cls.__qualname__} has {named.__qualname__} in brackets and {cls.config_class.__qualname__} as its "
                "config_class; write one of them"
            )

    def configure(self, config: Config) -> None:
        """Take the parsed config; called once, before anything else. Override to prepare; call super().

        Raises:
            ConfigError: The config, right key by key, makes no sense for this plugin.
        """
        self.config = config  # type: ignore[assignment] # the runtime parses it with config_class

    def close(self) -> None:
        """Release what `configure` took; called once, at the end, also after a failure. Must not block long."""

    @classmethod
    def plugin_name(cls) -> str:
        """Return the name that REST shows."""
        return cls.class_name or f"{cls.__module__}.{cls.__qualname__}"


def _config_in_brackets(cls: type) -> type[Config] | None:
    """Return the config class that a plugin class's own bases name; None for none, or a type variable."""
    for base in vars(cls).get("__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Plugin):
            for named in get_args(base):
                if isinstance(named, type) and issubclass(named, Config):
                    return named
    return None
