"""`connect health`: asks a worker how it does, for probes that run a command: HEALTHCHECK of images, monit, cron."""

from __future__ import annotations

import http.client
import os
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import click
import orjson

from connect.api import EnvironmentFault
from connect.cli.output import UsageError, as_json_option, print_json
from connect.cli.rest import DEFAULT_URL, owner_url

TIMEOUT_S: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}


@click.command()
@click.option("--live", "which", flag_value="live", help="Whether its process goes on.")
@click.option("--ready", "which", flag_value="ready", help="Whether it takes requests and work.")
@click.option("--failed", metavar="N|N%", help="Also 1 once so many connectors and tasks are FAILED.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=TIMEOUT_S, help="In seconds.")
@click.option("--url", help="The worker's address; CONNECT_URL, else that of the worker of --data-dir.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="CONNECT_DATA_DIR, else connect-data.")
@as_json_option
def health(
    which: str | None, failed: str | None, timeout_s: float, url: str | None, data_dir: Path | None, as_json: bool
) -> int:
    """Ask a worker how it does; for probes that run a command.

    Exit code 0 where it does well, 1 where not, 3 where it does not answer in time.

    No user is needed. A worker of this machine is believed without a look at its certificate: nothing is sent to it.
    """
    if which is not None and failed is not None:
        raise UsageError("--failed goes with neither --live nor --ready: these are about the worker itself")
    directory = data_dir or Path(os.environ.get("CONNECT_DATA_DIR") or "connect-data")
    address = url or os.environ.get("CONNECT_URL") or owner_url(directory) or DEFAULT_URL
    path = "/health" + (f"/{which}" if which else "") + (f"?failed={quote(failed)}" if failed is not None else "")
    status, answer = _ask(address, path, timeout_s)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer.get('status', status)}: {answer.get('message', '')}")
        for failure in answer.get("failed", ()):
            task = "" if failure["task"] is None else f"-{failure['task']}"
            click.echo(f"  {failure['connector']}{task}: {failure['cause']}")
    return 0 if status == 200 else 2 if status == 400 else 1


def _ask(address: str, path: str, timeout_s: float) -> tuple[int, dict[str, Any]]:
    parts = urlsplit(address)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"{address} is no address", hint="Give one such as http://127.0.0.1:8083.")
    port = parts.port or _PORTS[parts.scheme]
    if parts.scheme == "http":
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=timeout_s)
    else:
        unverified = ssl.create_default_context()
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(parts.hostname, port, timeout=timeout_s, context=unverified)
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = orjson.loads(answer.read(1 << 24))
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
        raise EnvironmentFault(
            f"no worker answers at {parts.scheme}://{parts.hostname}:{port}: {error}",
            code="environment.unreachable",
            hint="Look at its log; or give its address with --url.",
        ) from error
    finally:
        connection.close()
    return answer.status, body if isinstance(body, dict) else {}
