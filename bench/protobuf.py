"""Measure ProtobufConverter: `python -m bench.protobuf [--records N]` prints a record's time, beside bare protobuf's.

Both read and write the same records of eight fields, without a registry; what is bare makes each message by its fields,
and each dict of a message's. A row and its bare one take turns, and the best of many passes counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, Final

from connect.api import BOOLEAN, FLOAT64, INT32, INT64, OPTIONAL_STRING, STRING, Schema
from connect.runtime.tuning import tune_process
from connect_protofiles import linked, parsed
from connect_schemas.protobuf.making import Own, Written
from connect_schemas.protobuf.options import Options
from connect_schemas.registry.model import Registered

SCHEMA: Final = Schema.struct(
    {"id": INT64, "name": STRING, "email": OPTIONAL_STRING, "total": FLOAT64, "paid": BOOLEAN, "city": STRING,
     "count": INT32, "zip": STRING},
    name="order",
)  # fmt: skip
TARGET: Final = 1.3
_BATCH: Final = 10_000
_HEAD: Final = b"\0\0\0\0\1\0"


def values(count: int) -> list[dict[str, Any]]:
    """Return records as sources have them."""
    return [
        {"id": one, "name": f"name {one}", "email": "someone@example.com", "total": one * 1.5, "paid": one % 2 == 0,
         "city": "Zürich", "count": one % 100, "zip": "8000"}
        for one in range(count)
    ]  # fmt: skip


def bare(text: str) -> tuple[Callable[[Any], list[bytes]], Callable[[Any], list[Any]]]:
    """Return what writes and reads with protobuf alone."""
    from google.protobuf import message_factory

    message = message_factory.GetMessageClass(linked(parsed(text)).message_types_by_name["order"])

    def write(rows: Any) -> list[bytes]:
        return [
            _HEAD
            + message(
                id=row["id"], name=row["name"], email=row["email"], total=row["total"], paid=row["paid"],
                city=row["city"], count=row["count"], zip=row["zip"],
            ).SerializeToString()
            for row in rows
        ]  # fmt: skip

    def read(data: Any) -> list[Any]:
        found = []
        for item in data:
            one = message.FromString(item[len(_HEAD) :])
            found.append(
                {"id": one.id, "name": one.name, "email": one.email, "total": one.total, "paid": one.paid,
                 "city": one.city, "count": one.count, "zip": one.zip}
            )  # fmt: skip
        return found

    return write, read


def best(passes: int, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[float, float]:
    """Return how many seconds of this process each took at best, in turns."""
    found = [float("inf"), float("inf")]
    for _ in range(passes):
        for place, one in enumerate((first, second)):
            began = time.process_time()
            one()
            found[place] = min(found[place], time.process_time() - began)
    return found[0], found[1]


def main() -> None:
    """Print a row for what is written, and one for what is read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="how many records all passes come to")
    records = parser.parse_args().records
    tune_process()
    own = Own(SCHEMA, Options())
    registered = Registered(1, own.text)
    writer, reader = own.writer(registered), Written(registered, {}, (0,)).reader(Options(), 1)
    bare_write, bare_read = bare(own.text.text)
    rows = values(_BATCH)
    data = bare_write(rows)
    head = _HEAD[:-1]
    assert [head + item for item in writer.write(rows)] == data
    assert reader.read(data, len(_HEAD)).values == bare_read(data) == rows
    passes = max(1, records // _BATCH)
    for name, ours, theirs in (
        ("write", lambda: [head + item for item in writer.write(rows)], lambda: bare_write(rows)),
        ("read", lambda: reader.read(data, len(_HEAD)), lambda: bare_read(data)),
    ):
        mine, bare_s = best(passes, ours, theirs)
        ratio = mine / bare_s
        slow = "" if ratio <= TARGET else f"  (more than {TARGET})"
        print(f"{name:6} {mine / _BATCH * 1e6:6.2f} µs  bare {bare_s / _BATCH * 1e6:6.2f} µs  {ratio:.2f} times{slow}")


if __name__ == "__main__":
    main()
