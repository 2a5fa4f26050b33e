"""The web page at `/ui`: files of `connect/ui`, and a policy that lets it load nothing else and run nothing inline."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from connect.rest.metrics import takes_gzip
from connect.rest.routes import Route

router = APIRouter(tags=["page"], route_class=Route)

FOLDER: Final = Path(__file__).parents[1] / "ui"
#: What is served, by the ends of names; whatever else lies in the folder is not.
KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
#: Scripts, styles and answers come from this worker alone, nobody frames the page, and no text becomes markup: a
#: browser that knows trusted types refuses `innerHTML` and its kin altogether.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # kept by browsers, and asked about by its ETag
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int]
    body: bytes
    packed: bytes
    digest: str


_read: dict[str, _File] = {}


@router.get("/ui", include_in_schema=False)
async def page(request: Request) -> Response:
    """Show the page. Its own addresses are relative to `/ui/`, so that it works behind a proxy's prefix too."""
    if not (request.scope.get("raw_path") or b"").partition(b"?")[0].endswith(b"/"):
        return RedirectResponse("ui/", 307)
    return await file(request, "index.html")


@router.get("/ui/{file:path}", include_in_schema=False)
async def file(request: Request, file: str) -> Response:
    """Serve a file of the page; 304 where the browser has it."""
    found = await asyncio.to_thread(_find, file)
    if found is None:
        raise HTTPException(404, f"the page has no file {file!r}")
    is_packed = takes_gzip(",".join(request.headers.getlist("accept-encoding")))
    # Each form has a tag of its own: a cache between must not hand one out for the other.
    headers = {**_HEADERS, "ETag": f'"{found.digest}{"-gzip" if is_packed else ""}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if is_packed else found.body, headers=headers, media_type=_kind(file))


def _kind(name: str) -> str:
    return KINDS[name[name.rindex(".") :]]


def names() -> list[str]:
    """Return the files that are served, by their paths below `/ui/`."""
    return sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in KINDS)


def _find(name: str) -> _File | None:
    known = _read.get(name)
    # Only what is listed is opened: no path that a request makes up reaches the disk.
    if known is None and name not in names():
        return None
    path = FOLDER / name
    status = path.stat()
    stamp = (status.st_mtime_ns, status.st_size)
    if known is None or known.stamp != stamp:
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:20]
        known = _read[name] = _File(stamp, body, gzip.compress(body, mtime=0), digest)
    return known
