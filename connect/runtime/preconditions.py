"""What a connector must be for a request to be carried out: `If-Match` and `If-None-Match` of HTTP.

Who read a config and sends it back changed says which one that was; where somebody else was faster nothing is done, so
that no change is lost. It is looked at under the lock of the connector, where nothing comes between.
"""

from __future__ import annotations

from dataclasses import dataclass

from connect.api import ConflictError
from connect.api.error_codes import register_code

FAILED = register_code(
    "connector.precondition_failed",
    "The connector is not what If-Match or If-None-Match says: somebody else has changed, created or deleted it.",
    "Read the config again with its ETag, and send the change on top of it.",
)


class PreconditionError(ConflictError):
    """HTTP's 412: nothing was done."""

    default_code = FAILED
    status = 412


@dataclass(frozen=True, slots=True)
class Precondition:
    """What is asked of a connector's config.

    Attributes:
        etags: It is one of these; None asks nothing.
        exists: Whether it is there; None asks nothing.
        but_not: It is none of these.
    """

    etags: tuple[str, ...] | None = None
    exists: bool | None = None
    but_not: tuple[str, ...] = ()

    def check(self, name: str, etag: str | None) -> None:
        """Let the request through, or not.

        Args:
            etag: Of the config now; None where there is none.

        Raises:
            PreconditionError: It is not what was asked for.
        """
        if self.etags is not None and etag not in self.etags:
            is_now = "is not there" if etag is None else f'has ETag "{etag}" by now'
            asked = ", ".join(f'"{one}"' for one in self.etags)
            raise PreconditionError(f"Connector {name} was to have ETag {asked or 'none that compares'}, and {is_now}")
        if self.exists is True and etag is None:
            raise PreconditionError(f"Connector {name} was to be there, and is not")
        if self.exists is False and etag is not None:
            raise PreconditionError(f"Connector {name} was not to be there, and is")
        if etag is not None and etag in self.but_not:
            raise PreconditionError(f'Connector {name} was to have another ETag than "{etag}"')


#: Asks nothing.
ANY = Precondition()


def check_version(name: str, asked: int | None, newest: int) -> None:
    """Let a request through whose sender knows the newest version of the history, or asks for none.

    Raises:
        PreconditionError: There is a newer one.
    """
    if asked is not None and asked != newest:
        raise PreconditionError(
            f"Connector {name} was to be at version {asked} of its history, and is at version {newest}"
        )
