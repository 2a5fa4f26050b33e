"""The way to a worker's REST API for commands: which worker, as whom, and its failures as our errors."""

from __future__ import annotations

import difflib
import functools
import os
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote

import click
import orjson

from connect.api import ConfigError, ConflictError, ConnectError, EnvironmentFault, LogError, NotFoundError
from connect.cli.contexts import Context, Contexts
from connect.cli.output import UsageError, as_json_option
from connect.cli.wiring import WORKER_FILE

DEFAULT_URL = "http://127.0.0.1:8083"
TIMEOUT_S = 95.0  # a little more than Kafka Connect's own limit of a request


class RestClient:
    """Calls a worker's REST API; every failure is one of our errors. A context manager: `close` ends its connections.

    Class attributes:
        server: What is expected at the address, for messages.
        unreachable_hint: What is to be done where nothing answers.

    Args:
        target: The worker. An address alone goes with what the context of that address, or CONNECT_USERNAME,
            CONNECT_PASSWORD, CONNECT_TOKEN and CONNECT_CACERT say.
    """

    server: ClassVar = "worker"
    unreachable_hint: ClassVar = "Start one with 'connect worker', or give its address with --url."

    def __init__(self, target: str | Context) -> None:
        import httpx

        context = _completed(target)
        self._http = httpx
        self.url = context.url.rstrip("/")
        headers = {"Authorization": f"Bearer {context.token}"} if context.token else {}
        auth = (context.username, context.password or "") if context.username else None
        try:
            self._client = httpx.Client(
                base_url=self.url, timeout=TIMEOUT_S, headers=headers, auth=auth, verify=_tls(context)
            )
        except httpx.InvalidURL as error:
            raise UsageError(
                f"{self.shown_url} is no address: {error}", hint="Give one such as http://127.0.0.1:8083."
            ) from None

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    @property
    def shown_url(self) -> str:
        """The address for people, without a password."""
        from connect.runtime.secrets import hide_in_urls

        return hide_in_urls(self.url)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: dict[str, str] | None = None,
        only_if: str | None = None,
    ) -> Any:
        """Return the answer's JSON, None where there is none.

        Args:
            only_if: The ETag, in quotes, that what is changed must have; or '' where it must not be there.

        Raises:
            EnvironmentFault: environment.unreachable.
            ConnectError: What the worker answered, with the code it gave.
        """
        answer = self._answer(method, path, body, params=params, only_if=only_if)
        return self._said(answer, method, path) if answer.content else None

    def config_and_etag(self, name: str) -> tuple[dict[str, str], str | None]:
        """Return a connector's config as it is shown, and its ETag, in quotes; None where the worker tells none.

        Raises:
            As `call`.
        """
        path = f"/v1/connectors/{quote(name, safe='')}/config"
        answer = self._answer("GET", path)
        return self._said(answer, "GET", path), answer.headers.get("etag")

    def _said(self, answer: Any, method: str, path: str) -> Any:
        try:
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise EnvironmentFault(
                f"what answers at {self.shown_url} is no {self.server}: its answer to {method} {path} is not JSON",
                code="environment.unreachable",
                hint="Check the address.",
            ) from None

    def _answer(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: dict[str, str] | None = None,
        only_if: str | None = None,
    ) -> Any:
        """Return an answer that is no failure."""
        content = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if only_if is not None:
            headers |= {"If-Match": only_if} if only_if else {"If-None-Match": "*"}
        try:
            answer = self._client.request(method, path, content=content, headers=headers, params=params)
        except (self._http.HTTPError, self._http.InvalidURL) as error:
            raise EnvironmentFault(
                f"no {self.server} answers at {self.shown_url}: {error}",
                code="environment.unreachable",
                hint=self.unreachable_hint,
            ) from error
        if answer.status_code >= 400:
            raise self._failure(answer)
        return answer

    def _failure(self, answer: Any) -> ConnectError:
        """Return what an answer of 400 or more means."""
        return _error_of(answer)

    def named(
        self,
        method: str,
        name: str,
        suffix: str = "",
        body: Any = None,
        *,
        params: dict[str, str] | None = None,
        root: str = "/connectors",
        only_if: str | None = None,
    ) -> Any:
        """Call a connector's path below `root`; an unknown name is answered with the nearest there is."""
        try:
            return self.call(method, f"{root}/{quote(name, safe='')}{suffix}", body, params=params, only_if=only_if)
        except NotFoundError as error:
            names = self.call("GET", "/connectors")
            if name in names:  # something else of the connector is missing
                raise
            near = difflib.get_close_matches(name, names, n=1)
            message = error.message if name in error.message else f"there is no connector {name!r}"
            raise NotFoundError(
                message, code="connector.not_found", hint=f"Did you mean {near[0]!r}?" if near else None
            ) from None


def _tls(context: Context) -> ssl.SSLContext | bool:
    if not context.cacert and not context.cert:
        # Without https there is nobody to trust: reading what the system trusts takes longer than most calls.
        is_https = context.url.lower().startswith("https:")
        return True if is_https else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        tls = ssl.create_default_context(cafile=context.cacert)
        if context.cert:
            tls.load_cert_chain(context.cert, context.key)
    except OSError as error:  # an SSLError is one too
        files = ", ".join(file for file in (context.cacert, context.cert, context.key) if file)
        raise ConfigError(f"the certificates in {files} cannot be used: {error}", code="config.unreadable") from error
    return tls


def _completed(target: str | Context) -> Context:
    if isinstance(target, Context):
        return target
    known = Contexts.load().of_url(target)
    if known is not None:
        return known
    environment = {
        name: os.environ.get(f"CONNECT_{name.upper()}") for name in ("username", "password", "token", "cacert")
    }
    return replace(Context(target), **{name: value for name, value in environment.items() if value})


def _error_of(answer: Any) -> ConnectError:
    from connect.api.error_codes import CODES

    try:
        message = orjson.loads(answer.content).get("message") or answer.reason_phrase
    except (orjson.JSONDecodeError, AttributeError):
        message = f"{answer.status_code} {answer.reason_phrase}"
    message, hint = str(message), unquote(answer.headers.get("x-connect-error-hint", ""))
    if hint and message.endswith(f" ({hint})"):
        message = message.removesuffix(f" ({hint})")  # it is shown apart
    code = answer.headers.get("x-connect-error-code") or {401: "auth.required", 403: "auth.denied"}.get(
        answer.status_code
    )
    kinds: dict[int, Callable[..., ConnectError]] = {
        400: ConfigError,
        404: NotFoundError,
        409: ConflictError,
        412: ConflictError,
        503: EnvironmentFault,
    }
    kind = _LOG_ERRORS.get(code or "") or kinds.get(answer.status_code, ConnectError)
    # A worker may be newer than this command, and know codes that are registered nowhere here.
    error = kind(message, code=code if code in CODES else None, hint="")
    error.code = code or error.code
    error.hint = hint or _OWN_HINTS.get(error.code, "")
    return error


#: The log's refusals, by their codes: a caller of the ports finds the same class, whichever way it came.
_LOG_ERRORS: Final[dict[str, Callable[..., ConnectError]]] = {
    kind.default_code: kind for kind in LogError.__subclasses__()
}
#: Where REST's words tell of requests, or give no hint: what to do with this command.
_OWN_HINTS = {
    "connector.not_stopped": "Stop it with 'connect connector stop NAME', and resume it afterwards.",
    "auth.required": (
        "Give CONNECT_USERNAME and CONNECT_PASSWORD or CONNECT_TOKEN, or keep them with 'connect context set'."
    ),
    "auth.denied": "Ask for the role write, or use another user.",
}


def owner_url(data_dir: Path) -> str | None:
    """Return where the worker that owns a data directory answers; None where that does not say it."""
    return next(iter(owner_urls(data_dir)), None)


def owner_urls(data_dir: Path) -> list[str]:
    """Return where it answers, and behind that where its schema registry does, if it has one."""
    try:
        told = orjson.loads(data_dir.joinpath(WORKER_FILE).read_bytes())
        return [str(told["url"]), *map(str, told.get("registry_urls", ()))]
    except (OSError, ValueError, KeyError):
        return []


def target_of(url: str | None, context: str | None, data_dir: Path | None) -> str | Context:
    """Return which worker is meant.

    The first of: --url, --context, CONNECT_URL, CONNECT_CONTEXT, --data-dir, the current context, the default.

    Raises:
        ConfigError: Both --url and --context are given.
    """
    if url and context:
        raise UsageError("--url and --context are both given; one of them is expected")
    contexts = Contexts.load()
    if context:
        return contexts.named(context)
    if url or (url := os.environ.get("CONNECT_URL")):
        return url
    if context := os.environ.get("CONNECT_CONTEXT"):
        return contexts.named(context)
    if data_dir is None and contexts.current is not None:
        return contexts.named(contexts.current)
    return owner_url(data_dir or Path("connect-data")) or DEFAULT_URL


def rest_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --url, --context, --data-dir and --json to a command, which gets a `RestClient` and `as_json`."""

    @functools.wraps(command)
    def run(*args: Any, url: str | None, context: str | None, data_dir: Path | None, **options: Any) -> Any:
        with RestClient(target_of(url, context, data_dir)) as rest:
            return command(rest, *args, **options)

    for option in (
        as_json_option,
        click.option("--data-dir", type=click.Path(path_type=Path), help="Find the worker of this data directory."),
        click.option(
            "--context", help="A worker that 'connect context set' named; CONNECT_CONTEXT, else the current one."
        ),
        click.option("--url", help=f"The worker's address; CONNECT_URL, else the context's, else {DEFAULT_URL}."),
    ):
        run = option(run)
    return run
