"""RegistryClient: what a converter asks a registry, and what is remembered of its answers.

Source: Confluent's documentation, "Schema Registry API Reference".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, NoReturn
from urllib.parse import quote
from uuid import UUID

from connect.api import DataError, RetriableError
from connect_schemas.errors import INCOMPATIBLE, INVALID, REFUSED, UNKNOWN_ID, UNKNOWN_SUBJECT, UNREACHABLE
from connect_schemas.registry.cache import Recent
from connect_schemas.registry.flights import Flight
from connect_schemas.registry.model import AVRO, NO_ID, Reference, Registered, Rule, SchemaText
from connect_schemas.registry.settings import ClientSettings
from connect_schemas.registry.transport import NO_REGISTRY_HINT, Params, Refusal, Transport

#: Subjects whose schemas are remembered.
_SUBJECTS: Final = 1000
#: So many schemas may one refer to, directly or not.
_REFERENCES_MAX: Final = 1000
NEVER: Final = threading.Event()
#: The registry's mode lets nobody register just now: no schema's fault.
_NOT_PERMITTED: Final = 42205
#: What is said, without a number of the registry's own, where the address has no such path, or another API.
_NO_PATH: Final = (404, 415)
_INT_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Missing:
    """That the registry does not have something."""

    message: str
    code: str


class RegistryClient:
    """A registry, for the converters of many tasks, each on a thread of its own.

    Every method blocks while the registry is asked, no longer than until `interrupted` is set, and takes no time where
    the answer is remembered. Two that ask the same at once ask once.

    All raise:
        RetriableError: schemas.registry_unreachable or schemas.registry_refused: it does not answer, or lets nobody in.
        DataError: schemas.unknown_id, schemas.unknown_subject, schemas.incompatible or schemas.invalid: it says no.
        ConfigError: Certificates cannot be used.
    """

    #: What to do where something else answers.
    no_registry_hint: ClassVar[str] = NO_REGISTRY_HINT

    def __init__(self, settings: ClientSettings, transport: Transport | None = None) -> None:
        self._transport = transport or Transport(settings)
        self._lock = threading.Lock()
        self._flights: dict[Hashable, Flight] = {}
        count = settings.schemas_per_subject
        self.known_ids = Recent(count * 10)
        self._subjects = Recent(_SUBJECTS)
        self._per_subject = count
        self.known_latest = Recent(settings.latest_count, settings.latest_ttl_s)
        self.missing_ids = Recent(settings.missing_count, settings.missing_id_ttl_s)
        self.missing = Recent(settings.missing_count, settings.missing_schema_ttl_s)
        #: Why the registry does not answer just now, at None, or one question alone, by which key.
        self._away = Recent(_SUBJECTS, settings.away_s)

    @property
    def shown(self) -> str:
        """The registry's addresses, for people."""
        return self._transport.shown

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # -- asking ------------------------------------------------------------------------------------------------------

    def by_id(
        self, schema_id: int | UUID, subject: str | None = None, *, interrupted: threading.Event = NEVER
    ) -> Registered:
        """Return the schema of an id, or of a GUID.

        Args:
            subject: Where the schema is looked for, in a registry whose ids are of several contexts.
        """
        path = f"/schemas/guids/{schema_id}" if isinstance(schema_id, UUID) else f"/schemas/ids/{schema_id}"
        params = {"subject": subject} if subject is not None else None

        def ask(abandoned: threading.Event) -> Registered | Missing:
            try:
                said = self._transport.request("GET", path, params=params, abandoned=abandoned)
            except Refusal as refusal:
                if _is_missing(refusal):
                    what = "GUID" if isinstance(schema_id, UUID) else "id"
                    return Missing(
                        f"the schema registry at {self.shown} has no schema of {what} {schema_id}", UNKNOWN_ID
                    )
                if isinstance(schema_id, UUID) and refusal.status == 404:
                    raise RetriableError(
                        f"the schema registry at {self.shown} has no GUIDs, and records name their schema by GUID "
                        f"{schema_id}: {refusal.message}",
                        code=REFUSED,
                        hint="See that schema.registry.url is the registry that the records' writer used; Confluent's "
                        "has GUIDs from 8.0 on.",
                    ) from refusal
                self.refuse(refusal, f"the schema of id {schema_id}")
            return self._registered(said, None, schema_id if isinstance(schema_id, int) else None)

        found: Registered = self.remembered(
            self.known_ids, self.missing_ids, ("id", schema_id, subject), ask, interrupted
        )
        return found

    def register(
        self,
        subject: str,
        schema: SchemaText,
        *,
        normalize: bool = False,
        interrupted: threading.Event = NEVER,
    ) -> Registered:
        """Register a schema under a subject, if it is not there, and return it with its id."""

        def missing(refusal: Refusal) -> Missing | None:
            code = {409: INCOMPATIBLE, 422: INVALID}.get(refusal.status)
            is_its_fault = code is not None and refusal.error_code != _NOT_PERMITTED
            return None if code is None or not is_its_fault else Missing(self.message(refusal, _told(subject)), code)

        path = f"/subjects/{_quoted(subject)}/versions"
        return self._of_schema("register", path, subject, schema, normalize, missing, interrupted)

    def lookup(
        self,
        subject: str,
        schema: SchemaText,
        *,
        normalize: bool = False,
        interrupted: threading.Event = NEVER,
    ) -> Registered:
        """Return the id and version that a schema has under a subject."""

        def missing(refusal: Refusal) -> Missing | None:
            if refusal.status == 422:
                return Missing(self.message(refusal, _told(subject)), INVALID)
            if not _is_missing(refusal):
                return None
            return Missing(
                f"subject {subject!r} of the schema registry at {self.shown} does not have the schema: "
                f"{refusal.message}",
                UNKNOWN_SUBJECT,
            )

        path = f"/subjects/{_quoted(subject)}"
        return self._of_schema("lookup", path, subject, schema, normalize, missing, interrupted)

    def _of_schema(
        self,
        question: Literal["register", "lookup"],
        path: str,
        subject: str,
        schema: SchemaText,
        normalize: bool,
        missing: Callable[[Refusal], Missing | None],
        interrupted: threading.Event,
    ) -> Registered:
        """Return what is answered to a schema that is sent.

        Args:
            missing: What a refusal means for the record; None where it is not the record's fault.
        """

        def ask(abandoned: threading.Event) -> Registered | Missing:
            params: Params | None = {"normalize": "true"} if normalize else None
            try:
                said = self._transport.request("POST", path, _body(schema), params=params, abandoned=abandoned)
            except Refusal as refusal:
                found = missing(refusal)
                if found is None:
                    self.refuse(refusal, _told(subject))
                return found
            if question == "lookup":
                said = {**said, "version": _whole(said, "version")}
            return _placed(_whole(said, "id"), schema, subject, said)

        key = (question, subject, schema, normalize)
        found: Registered = self.remembered(self.of_subject(subject), self.missing, key, ask, interrupted)
        return found

    def latest(self, subject: str, *, interrupted: threading.Event = NEVER) -> Registered:
        """Return the latest version of a subject, as it was at most `latest.cache.ttl.sec` ago."""
        found: Registered = self.remembered(
            self.known_latest, self.missing, ("latest", subject), self._ask_version(subject, "latest"), interrupted
        )
        return found

    def latest_with(
        self, subject: str, metadata: Mapping[str, str], *, interrupted: threading.Event = NEVER
    ) -> Registered:
        """Return the latest version of a subject whose metadata has these properties, deleted ones too; as old as that
        of `latest`.
        """
        pairs = tuple(sorted(metadata.items()))
        shown = ", ".join(f"{name}={value}" for name, value in pairs)
        params = {"key": [name for name, _ in pairs], "value": [value for _, value in pairs], "deleted": "true"}
        ask = self._ask_version_at(subject, f"/subjects/{_quoted(subject)}/metadata", f"version with {shown}", params)
        found: Registered = self.remembered(
            self.known_latest, self.missing, ("latest", subject, pairs), ask, interrupted
        )
        return found

    def version(self, subject: str, version: int | str, *, interrupted: threading.Event = NEVER) -> Registered:
        """Return a version of a subject."""
        found: Registered = self.remembered(
            self.of_subject(subject),
            self.missing,
            ("version", subject, version),
            self._ask_version(subject, str(version)),
            interrupted,
        )
        return found

    def resolved(
        self, references: Iterable[Reference], *, interrupted: threading.Event = NEVER
    ) -> dict[str, Registered]:
        """Return the schemas that references name, by name, each behind those that it refers to itself.

        Raises:
            DataError: schemas.invalid: they lead in a circle, or to too many.
        """
        found: dict[str, Registered] = {}
        under_way: set[str] = set()
        waiting: list[tuple[Reference, Registered | None]] = [(one, None) for one in reversed(tuple(references))]
        while waiting:
            reference, used = waiting.pop()
            if used is not None:  # what it refers to is there
                found[reference.name] = used
                under_way.discard(reference.name)
                continue
            if reference.name in found:
                continue
            if reference.name in under_way:
                raise DataError(f"the references of schema {reference.name!r} lead in a circle", code=INVALID)
            if len(found) + len(under_way) >= _REFERENCES_MAX:
                raise DataError(f"a schema refers to more than {_REFERENCES_MAX} others", code=INVALID)
            used = self.referred(reference, interrupted=interrupted)
            under_way.add(reference.name)
            waiting.append((reference, used))
            waiting += [(one, None) for one in reversed(used.schema.references)]
        return found

    def referred(self, reference: Reference, *, interrupted: threading.Event = NEVER) -> Registered:
        """Return the schema that a reference names."""
        return self.version(reference.subject, reference.version, interrupted=interrupted)

    def _ask_version(self, subject: str, version: str) -> Callable[[threading.Event], Registered | Missing]:
        return self._ask_version_at(
            subject,
            f"/subjects/{_quoted(subject)}/versions/{_quoted(version)}",
            "latest version" if version == "latest" else f"version {version}",
        )

    def _ask_version_at(
        self, subject: str, path: str, what: str, params: Params | None = None
    ) -> Callable[[threading.Event], Registered | Missing]:
        def ask(abandoned: threading.Event) -> Registered | Missing:
            try:
                said = self._transport.request("GET", path, params=params, abandoned=abandoned)
            except Refusal as refusal:
                if _is_missing(refusal):
                    return Missing(
                        f"the schema registry at {self.shown} has no {what} of subject {subject!r}: {refusal.message}",
                        UNKNOWN_SUBJECT,
                    )
                self.refuse(refusal, f"{what} of subject {subject!r}")
            return self._registered(said, subject)

        return ask

    # -- remembering -------------------------------------------------------------------------------------------------

    def of_subject(self, subject: str) -> Recent:
        """Return what is remembered of a subject."""
        with self._lock:
            found = self._subjects.get(subject)
            if found is None:
                found = Recent(self._per_subject)
                self._subjects.put(subject, found)
        assert isinstance(found, Recent)
        return found

    def remembered(
        self,
        known: Recent,
        missing: Recent,
        key: Hashable,
        ask: Callable[[threading.Event], Registered | Missing],
        interrupted: threading.Event,
    ) -> Any:
        """Return what is known, or the answer to a question that may be under way already.

        Args:
            known, missing: Where it is looked for, and kept.
            ask: On a thread of its own; given an event that is set when nobody waits any more.
        """
        with self._lock:
            found = known.get(key) or missing.get(key)
            flight = None
            if found is None:
                away = self._away.get(None) or self._away.get(key)
                if away is not None:
                    raise _anew(away)
                flight = self._flights.get(key)
                if flight is None or flight.abandoned.is_set():
                    flight = Flight(ask, lambda flown: self._landed(flown, known, missing, key))
                    flight.start()
                    self._flights[key] = flight
                flight.waiting += 1
        if flight is not None:
            found = self._result(flight, key, interrupted)
        if isinstance(found, Missing):
            raise DataError(found.message, code=found.code)
        return found

    def _result(self, flight: Flight, key: Hashable, interrupted: threading.Event) -> Any:
        try:
            return flight.result(interrupted)
        except RetriableError as error:
            raise _anew(error) from error
        finally:
            with self._lock:
                flight.waiting -= 1
                if not flight.waiting:
                    flight.abandoned.set()
                    if self._flights.get(key) is flight:
                        del self._flights[key]

    def _landed(self, flight: Flight, known: Recent, missing: Recent, key: Hashable) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
            if isinstance(flight.error, RetriableError) and not flight.abandoned.is_set():
                # Who may not ask for one thing, or asks one odd one, may ask for others, and so may other tasks.
                self._away.put(None if flight.error.code == UNREACHABLE else key, flight.error)
            elif isinstance(flight.answer, Missing):
                missing.put(key, flight.answer)
            elif flight.answer is not None:
                known.put(key, flight.answer)

    # -- answers -----------------------------------------------------------------------------------------------------

    def _registered(self, said: Any, subject: str | None, schema_id: int | None = None) -> Registered:
        text = said.get("schema") if isinstance(said, dict) else None
        if not isinstance(text, str):
            raise RetriableError(
                f"what answers at {self.shown} is no schema registry: an answer has no schema", code=REFUSED
            )
        try:
            references = tuple(
                Reference(str(one["name"]), str(one["subject"]), int(one["version"]))
                for one in said.get("references") or ()
            )
        except (TypeError, LookupError, ValueError) as error:
            raise RetriableError(
                f"what answers at {self.shown} is no schema registry: an answer has references of another form",
                code=REFUSED,
            ) from error
        schema = SchemaText(text, str(said.get("schemaType") or AVRO), references)
        if schema_id is None:
            schema_id = _whole(said, "id") if "id" in said else NO_ID
        return _placed(schema_id, schema, subject, said)

    def message(self, refusal: Refusal, what: str) -> str:
        """Return what a refusal of something is told as."""
        return f"the schema registry at {self.shown} does not take {what}: {refusal.message}"

    def refuse(self, refusal: Refusal, what: str) -> NoReturn:
        """Raise what an answer means that is neither what was asked for, nor that it is missing."""
        if refusal.status in _NO_PATH and not refusal.has_number:
            raise RetriableError(
                f"what answers at {self.shown} is no schema registry: asked for {what}, it says {refusal.status} "
                f"{refusal.message}",
                code=REFUSED,
                hint=self.no_registry_hint,
            ) from refusal
        code = f"{refusal.status}, {refusal.error_code}"
        raise RetriableError(f"{self.message(refusal, what)} ({code})", code=REFUSED) from refusal


def _anew(error: RetriableError) -> RetriableError:
    """Return an error of its own for each who waits: what is raised collects the places that it came by."""
    return RetriableError(error.message, code=error.code, hint=error.hint, retry_after_ms=error.retry_after_ms)


def _rules(said: Any) -> tuple[Rule, ...]:
    """Return the rules of an answer that are in force."""
    sets = said.get("ruleSet") if isinstance(said, dict) else None
    if not isinstance(sets, dict):
        return ()
    found = [one for rules in sets.values() if isinstance(rules, list) for one in rules if isinstance(one, dict)]
    return tuple(
        Rule(str(one.get("name")), str(one.get("type")), str(one.get("mode") or "WRITEREAD").upper())
        for one in found
        if not one.get("disabled")
    )


def _is_missing(refusal: Refusal) -> bool:
    """Say whether a registry does not have what was asked for: for that it has numbers of its own. 404 alone says that
    the path is none of it, so that schema.registry.url is wrong, and no record."""
    return refusal.status == 404 and refusal.has_number


def _quoted(subject: str) -> str:
    return quote(subject, safe="")


def _told(subject: str) -> str:
    return f"the schema under subject {subject!r}"


def _body(schema: SchemaText) -> dict[str, Any]:
    body: dict[str, Any] = {"schema": schema.text}
    if schema.type != AVRO:
        body["schemaType"] = schema.type
    if schema.references:
        body["references"] = [
            {"name": one.name, "subject": one.subject, "version": one.version} for one in schema.references
        ]
    return body


def _whole(said: Any, name: str) -> int:
    number = said.get(name) if isinstance(said, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _INT_MAX:
        raise RetriableError(f"what answers is no schema registry: an answer has no {name}", code=REFUSED)
    return number


def _placed(schema_id: int, schema: SchemaText, subject: str | None, said: Any) -> Registered:
    """Return a schema with what an answer says of its place; a version or a GUID of another form counts for nothing."""
    version, guid = said.get("version"), said.get("guid")
    is_version = isinstance(version, int) and not isinstance(version, bool)
    return Registered(
        schema_id,
        schema,
        subject,
        version if is_version else None,
        guid if isinstance(guid, str) else None,
        _rules(said),
    )
