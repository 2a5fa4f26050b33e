"""One client for all converters of the same settings in a process: they share connections and what is remembered."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from connect_schemas.registry.apicurio import ApicurioClient
from connect_schemas.registry.client import RegistryClient
from connect_schemas.registry.settings import ClientSettings


@dataclass(slots=True)
class _Lent:
    client: RegistryClient
    count: int = 0


_lent: Final[dict[ClientSettings, _Lent]] = {}
_lock: Final = threading.Lock()


class Borrowed:
    """A client that is shared, until it is given back. Asks nothing, and reads no file, until it is used."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        with _lock:
            lent = _lent.setdefault(settings, _Lent(_made(settings)))
            lent.count += 1
        self.client = lent.client
        self._is_held = True

    def give_back(self) -> None:
        """End the use of it; the last one closes it. May be called twice."""
        with _lock:
            if not self._is_held:
                return
            self._is_held = False
            lent = _lent[self._settings]
            lent.count -= 1
            if lent.count:
                return
            del _lent[self._settings]
        lent.client.close()


def _made(settings: ClientSettings) -> RegistryClient:
    return RegistryClient(settings) if settings.apicurio is None else ApicurioClient(settings)
