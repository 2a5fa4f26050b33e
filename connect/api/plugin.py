"""What every plugin class has: its names, its version, its config."""

from __future__ import annotations

from typing import Any, ClassVar

from connect.api.config import Config


class Plugin:
    """The base of connectors, tasks, converters, transforms and predicates.

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

    config: Any  # an instance of config_class; each plugin knows its own, and narrows it with an annotation

    def configure(self, config: Config) -> None:
        """Take the parsed config; called once, before anything else. Override to prepare; call super().

        Raises:
            ConfigError: The config, right key by key, makes no sense for this plugin.
        """
        self.config = config

    def close(self) -> None:
        """Release what `configure` took; called once, at the end, also after a failure. Must not block long."""

    @classmethod
    def plugin_name(cls) -> str:
        """Return the name that REST shows."""
        return cls.class_name or f"{cls.__module__}.{cls.__qualname__}"
