"""ApicurioClient: Apicurio's registry by its own API, whose ids stand in records that its serializers wrote.

A subject is the id of an artifact here, in the group that the settings name.

Source: Apicurio Registry 2.6, core v2 REST API, as its serializers ask it (DefaultSchemaResolver).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Final
from urllib.parse import quote
from uuid import UUID

from connect.api import DataError, RetriableError
from connect_schemas.errors import INCOMPATIBLE, INVALID, REFUSED, UNKNOWN_ID, UNKNOWN_SUBJECT
from connect_schemas.registry.client import NEVER, Missing, RegistryClient
from connect_schemas.registry.model import Reference, Registered, SchemaText
from connect_schemas.registry.settings import ApicurioSettings, ClientSettings
from connect_schemas.registry.transport import Refusal, Transport

_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}


class ApicurioClient(RegistryClient):
    """As `RegistryClient`; references are read, and not registered."""

    no_registry_hint: ClassVar[str] = (
        "Check apicurio.registry.url: it has the path /apis/registry/v2 behind the port of the registry."
    )

    def __init__(self, settings: ClientSettings, transport: Transport | None = None) -> None:
        super().__init__(settings, transport)
        own = settings.apicurio or ApicurioSettings()
        self._ids_path = f"/ids/{own.ids}"
        self._id_name = "globalId" if own.ids == "globalIds" else "contentId"
        self._group = own.group

    def by_id(
        self, schema_id: int | UUID, subject: str | None = None, *, interrupted: threading.Event = NEVER
    ) -> Registered:
        if isinstance(schema_id, UUID):
            raise DataError(f"Apicurio's registry knows no GUID: {schema_id}", code=UNKNOWN_ID)
        path = f"{self._ids_path}/{schema_id}"

        def ask(abandoned: threading.Event) -> Registered | Missing:
            try:
                said = self._get(path, abandoned, {"dereference": "false"})
                references = self._get(f"{path}/references", abandoned)
            except Refusal as refusal:
                if _is_missing(refusal):
                    return Missing(
                        f"the schema registry at {self.shown} has no schema of {self._id_name} {schema_id}", UNKNOWN_ID
                    )
                self.refuse(refusal, f"the schema of {self._id_name} {schema_id}")
            return Registered(schema_id, SchemaText(json.dumps(said), references=_references(references)))

        found: Registered = self.remembered(self.known_ids, self.missing_ids, ("id", schema_id), ask, interrupted)
        return found

    def register(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, interrupted: threading.Event = NEVER
    ) -> Registered:
        headers = {**_JSON, "X-Registry-ArtifactId": subject, "X-Registry-ArtifactType": schema.type}
        params = {"ifExists": "RETURN_OR_UPDATE", "canonical": str(normalize).lower()}

        def ask(abandoned: threading.Event) -> Registered | Missing:
            try:
                said = self._transport.request(
                    "POST", self._artifacts(), schema.text.encode(), params=params, headers=headers, abandoned=abandoned
                )
            except Refusal as refusal:
                code = {400: INVALID, 409: INCOMPATIBLE, 422: INVALID}.get(refusal.status)
                if code is not None:
                    return Missing(self.message(refusal, f"the schema of artifact {subject!r}"), code)
                self.refuse(refusal, f"the schema of artifact {subject!r}")
            return self._with_id(said, schema, subject)

        key = ("register", subject, schema, normalize)
        found: Registered = self.remembered(self.of_subject(subject), self.missing, key, ask, interrupted)
        return found

    def lookup(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, interrupted: threading.Event = NEVER
    ) -> Registered:
        path = f"{self._artifacts()}/{quote(subject, safe='')}/meta"

        def find(abandoned: threading.Event) -> Registered:
            said = self._transport.request(
                "POST", path, schema.text.encode(), params={"canonical": "true"}, headers=_JSON, abandoned=abandoned
            )
            return self._with_id(said, schema, subject)

        ask = self._or_missing(find, f"artifact {subject!r} with that schema")
        key = ("lookup", subject, schema)
        found: Registered = self.remembered(self.of_subject(subject), self.missing, key, ask, interrupted)
        return found

    def latest(self, subject: str, *, interrupted: threading.Event = NEVER) -> Registered:
        path = f"{self._artifacts()}/{quote(subject, safe='')}/meta"

        def find(abandoned: threading.Event) -> Registered:
            said = self._get(path, abandoned)
            number = self._with_id(said, SchemaText(""), subject).id
            text = json.dumps(self._get(f"{self._ids_path}/{number}", abandoned, {"dereference": "false"}))
            references = _references(self._get(f"{self._ids_path}/{number}/references", abandoned))
            return self._with_id(said, SchemaText(text, references=references), subject)

        ask = self._or_missing(find, f"artifact {subject!r}")
        found: Registered = self.remembered(self.known_latest, self.missing, ("latest", subject), ask, interrupted)
        return found

    def version(self, subject: str, version: int | str, *, interrupted: threading.Event = NEVER) -> Registered:
        return self._version(self._group, subject, version, interrupted)

    def referred(self, reference: Reference, *, interrupted: threading.Event = NEVER) -> Registered:
        return self._version(reference.group or self._group, reference.subject, reference.version, interrupted)

    def _version(self, group: str, subject: str, version: int | str, interrupted: threading.Event) -> Registered:
        path = f"{self._artifacts(group)}/{quote(subject, safe='')}/versions/{quote(str(version), safe='')}"

        def find(abandoned: threading.Event) -> Registered:
            said, meta = self._get(path, abandoned), self._get(f"{path}/meta", abandoned)
            references = _references(self._get(f"{path}/references", abandoned))
            return self._with_id(meta, SchemaText(json.dumps(said), references=references), subject)

        ask = self._or_missing(find, f"version {version} of artifact {subject!r}", group)
        key = ("version", group, subject, version)
        found: Registered = self.remembered(self.of_subject(subject), self.missing, key, ask, interrupted)
        return found

    def _artifacts(self, group: str | None = None) -> str:
        return f"/groups/{quote(group or self._group, safe='')}/artifacts"

    def _get(self, path: str, abandoned: threading.Event, params: dict[str, str] | None = None) -> Any:
        return self._transport.request("GET", path, params=params, headers=_JSON, abandoned=abandoned)

    def _or_missing(
        self, find: Callable[[threading.Event], Registered], what: str, group: str | None = None
    ) -> Callable[[threading.Event], Registered | Missing]:
        def ask(abandoned: threading.Event) -> Registered | Missing:
            try:
                return find(abandoned)
            except Refusal as refusal:
                if _is_missing(refusal):
                    return Missing(
                        f"the schema registry at {self.shown} has no {what} in group {group or self._group!r}: "
                        f"{refusal.message}",
                        UNKNOWN_SUBJECT,
                    )
                self.refuse(refusal, what)

        return ask

    def _with_id(self, said: Any, schema: SchemaText, subject: str) -> Registered:
        number = said.get(self._id_name) if isinstance(said, dict) else None
        if not isinstance(number, int):
            raise RetriableError(
                f"what answers at {self.shown} is no registry of Apicurio: an answer has no {self._id_name}",
                code=REFUSED,
            )
        return Registered(number, schema, subject)


def _is_missing(refusal: Refusal) -> bool:
    """Say whether the registry does not have what was asked for. Its framework's own NotFoundException says that it has
    no such path, so that the address is wrong, and no record."""
    return refusal.status == 404 and refusal.name != "NotFoundException"


def _references(said: Any) -> tuple[Reference, ...]:
    """Return references; a group is told where it is not the one called default."""
    try:
        return tuple(
            Reference(str(one["name"]), str(one["artifactId"]), str(one["version"]), one.get("groupId") or "default")
            for one in said
        )
    except (TypeError, LookupError, AttributeError) as error:
        raise RetriableError(
            "what answers is no registry of Apicurio: an answer has references of another form", code=REFUSED
        ) from error
