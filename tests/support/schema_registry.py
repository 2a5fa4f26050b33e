"""A schema registry in memory, for tests of its clients: Confluent's REST shapes, and Apicurio's, on a port of its own.

It keeps what is registered and checks no compatibility: `refusing` says what it does not take. `answers` are given in
front of everything else, one a request, and `held` lets all of them wait.
"""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import NAMESPACE_URL, uuid5

APICURIO = "/apis/registry/v2"
_TYPE = "application/vnd.schemaregistry.v1+json"
#: What is asked beside a path: by our clients, and by confluent-kafka's.
_PARAMETERS = {
    "normalize", "subject", "ifExists", "canonical", "dereference", "format", "deleted", "fetchMaxId", "resourceType",
    "associationType", "key", "value",
}  # fmt: skip


@dataclass
class Kept:
    """A version of a subject."""

    id: int
    version: int
    body: dict[str, Any]

    @property
    def guid(self) -> str:
        """The id that is one in all registries."""
        return str(uuid5(NAMESPACE_URL, json.dumps(self.body, sort_keys=True)))


@dataclass
class MemoryRegistry:
    """What the registry holds, and how it behaves.

    Attributes:
        asked: Each request so far: method and path with its query.
        answers: What the next requests are answered with: status, body, headers.
        refusing: Status and message for each registration; None takes all.
        held: While it is cleared, no request is answered.
        login: 'user:password' that is asked for; None for anybody.
        has_guids: Whether schemas have GUIDs, as since Confluent's 8.0.
    """

    url: str = ""
    subjects: dict[str, list[Kept]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    refusing: tuple[int, str] | None = None
    held: threading.Event = field(default_factory=threading.Event)
    login: str | None = None
    has_guids: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.held.set()

    def add(self, subject: str, schema: str, **rest: Any) -> Kept:
        """Put a schema under a subject."""
        body = {"schema": schema, **rest}
        versions = self.subjects.setdefault(subject, [])
        for known in versions:
            if known.body == body:
                return known
        everywhere = [one for each in self.subjects.values() for one in each]
        new = 1 + max((one.id for one in everywhere), default=0)
        number = next((one.id for one in everywhere if one.body == body), new)
        versions.append(Kept(number, len(versions) + 1, body))
        return versions[-1]

    def answer(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Return the status and body for a request."""
        if path.startswith(APICURIO):
            return self._apicurio(method, path.removeprefix(APICURIO), body, headers)
        match [method, *(unquote(part) for part in path.strip("/").split("/"))]:
            case ["GET", "schemas", "ids", number]:
                for one in (one for versions in self.subjects.values() for one in versions):
                    if str(one.id) == number:
                        return 200, {"guid": one.guid, **one.body} if self.has_guids else one.body
                return 404, {"error_code": 40403, "message": f"Schema {number} not found"}
            case ["GET", "schemas", "guids", guid]:
                for one in (one for versions in self.subjects.values() for one in versions):
                    if one.guid == guid and self.has_guids:
                        return 200, {"guid": one.guid, **one.body}
                return 404, {"error_code": 40403, "message": f"Schema {guid} not found"}
            case ["POST", "subjects", subject, "versions"]:
                if self.refusing is not None:
                    status, message = self.refusing
                    return status, {"error_code": status, "message": message}
                made = self.add(subject, **body)
                return 200, {"id": made.id, "guid": made.guid} if self.has_guids else {"id": made.id}
            case ["POST", "subjects", subject]:
                if subject not in self.subjects:
                    return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
                for one in self.subjects[subject]:
                    if one.body == body:
                        return 200, {"subject": subject, "id": one.id, "version": one.version, **one.body}
                return 404, {"error_code": 40403, "message": "Schema not found"}
            case ["GET", "subjects", subject, "versions", version]:
                versions = self.subjects.get(subject, [])
                found = versions[-1:] if version == "latest" else [o for o in versions if str(o.version) == version]
                if not found:
                    return 404, {"error_code": 40402, "message": f"Version {version} not found."}
                return 200, {"subject": subject, "id": found[0].id, "version": found[0].version, **found[0].body}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def with_metadata(self, subject: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        """Answer which version is the latest with some properties."""
        wanted = dict(zip(query["key"], query["value"], strict=True))
        for one in reversed(self.subjects.get(subject, [])):
            if wanted.items() <= one.body.get("metadata", {}).get("properties", {}).items():
                return 200, {"subject": subject, "id": one.id, "version": one.version, **one.body}
        return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}

    def _apicurio(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        """As `answer`, by Apicurio's API: ids are a hundred higher there, and contents ten."""
        everything = [(subject, one) for subject, versions in self.subjects.items() for one in versions]
        match [method, *(unquote(part) for part in path.strip("/").split("/"))]:
            case ["GET", "ids", ("globalIds" | "contentIds") as kind, number, *rest]:
                more = 100 if kind == "globalIds" else 10
                for _, one in everything:
                    if str(one.id + more) == number:
                        return 200, one.body.get("references", []) if rest else json.loads(one.body["schema"])
            case ["POST", "groups", "default", "artifacts"]:
                if self.refusing is not None:
                    return self.refusing[0], {"error_code": self.refusing[0], "message": self.refusing[1]}
                subject = headers["X-Registry-ArtifactId"]
                return 200, _meta(subject, self.add(subject, json.dumps(body)))
            case ["GET", "groups", "default", "artifacts", subject, "meta"] if subject in self.subjects:
                return 200, _meta(subject, self.subjects[subject][-1])
            case ["POST", "groups", "default", "artifacts", subject, "meta"]:
                for known, one in everything:
                    if known == subject and json.loads(one.body["schema"]) == body:
                        return 200, _meta(subject, one)
            case ["GET", "groups", "default", "artifacts", subject, "versions", version, *rest]:
                for known, one in everything:
                    if known == subject and str(one.version) == version:
                        if rest:
                            return 200, _meta(subject, one) if rest == ["meta"] else one.body.get("references", [])
                        return 200, json.loads(one.body["schema"])
        is_path = path.strip("/").split("/")[0] in ("ids", "groups")
        name = "ArtifactNotFoundException" if is_path else "NotFoundException"
        return 404, {"error_code": 404, "message": f"No such thing: {path}", "name": name}


def _meta(subject: str, kept: Kept) -> dict[str, Any]:
    return {
        "id": subject, "name": subject, "version": str(kept.version), "type": "AVRO", "state": "ENABLED",
        "globalId": kept.id + 100, "contentId": kept.id + 10, "groupId": "default", "references": [],
        "createdBy": "", "modifiedBy": "", "createdOn": "2026-01-01T00:00:00+0000",
        "modifiedOn": "2026-01-01T00:00:00+0000",
    }  # fmt: skip


def _serialized(text: str) -> str:
    """Return a Protobuf schema as clients that cannot read texts want it."""
    from connect_protofiles import linked, read

    return b64encode(linked(read(text)).serialized_pb).decode()


@contextmanager
def memory_registry(*, port: int = 0, tls: Any = None) -> Iterator[MemoryRegistry]:
    """Run a registry.

    Args:
        tls: The `ssl.SSLContext` of an https listener.
    """
    registry = MemoryRegistry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(size)
            body = json.loads(sent) if "json" in self.headers.get("Content-Type", "") and sent else None
            registry.held.wait(30)
            parts = urlsplit(self.path)
            with registry.lock:
                registry.asked.append(f"{self.command} {self.path}")
                registry.headers.append({name.title(): value for name, value in self.headers.items()})
                extra: dict[str, str] = {}
                if registry.answers:
                    status, said, extra = registry.answers.pop(0)
                elif registry.login is not None and self._login() != registry.login:
                    status, said = 401, {"error_code": 401, "message": "Unauthorized"}
                else:
                    query = parse_qs(parts.query)
                    assert query.keys() <= _PARAMETERS, (parts.path, query)
                    if parts.path.endswith("/metadata"):
                        status, said = registry.with_metadata(unquote(parts.path.split("/")[-2]), query)
                    else:
                        status, said = registry.answer(self.command, parts.path, body, self.headers)
                    if query.get("format") == ["serialized"] and said.get("schemaType") == "PROTOBUF":
                        said = {**said, "schema": _serialized(said["schema"])}
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Type": _TYPE, "Content-Length": str(len(content)), **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def _login(self) -> str:
            kind, _, login = self.headers.get("Authorization", "").partition(" ")
            return b64decode(login).decode() if kind == "Basic" else ""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    registry.url = f"http{'s' if tls is not None else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.held.set()
        server.shutdown()
        server.server_close()
        thread.join()
