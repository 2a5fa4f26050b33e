"""Configs where users have them: in a file of any form, on standard input, or of a running Kafka Connect cluster."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from connect.cli.rest import RestClient
from connect.cli.texts import read_text
from connect.runtime.config_texts.forms import Pasted, of_json, of_text


def of_file(path: Path) -> list[Pasted]:
    """Return the configs in a file, or on standard input for '-'.

    Raises:
        ConfigError: It cannot be read, or holds none; names the file, and the line where there is one.
    """
    where = "standard input" if str(path) == "-" else str(path)
    text = read_text(path, otherwise=None if path.suffix == ".json" else "latin-1")
    return of_text(where, "config" if str(path) == "-" else path.stem, text, yaml=path.suffix in (".yaml", ".yml"))


def of_worker(rest: RestClient) -> list[Pasted]:
    """Return the configs of the connectors of a running worker, which is only read.

    Raises:
        ConnectError: It does not answer, or refuses.
    """
    found = rest.call("GET", "/connectors", params={"expand": "info"})
    if isinstance(found, list):  # Kafka Connect before 2.3 does not know expand
        found = {name: {"info": rest.call("GET", f"/connectors/{quote(name, safe='')}")} for name in found}
    return of_json(rest.shown_url, "", found) if found else []
