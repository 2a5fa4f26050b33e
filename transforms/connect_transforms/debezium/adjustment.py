"""Names of schemas and fields made fit for Avro: what `schema.name.adjustment.mode` and its like for fields say.

Source: Debezium 3.6.1, SchemaNameAdjuster.java, FieldNameSelector.java.
"""

from __future__ import annotations

import re
from typing import Final

MODES: Final = ("none", "avro", "avro_unicode")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_]")
_UNFIT_OR_UNDERSCORE: Final = re.compile(r"[^A-Za-z0-9]")


def adjusted(name: str, mode: str, *, is_field: bool = False) -> str:
    """Return a name as a mode of `MODES` has it; points part the full name of a schema, and are unfit in a field's.

    avro puts an underscore in the place of what Avro's names cannot have; avro_unicode `_u` and the number of the
    character, in that of an underscore too, so that no two names become one.
    """
    if mode == "none" or not name:
        return name
    of_unicode = mode == "avro_unicode"
    unfit = _UNFIT_OR_UNDERSCORE if of_unicode else _UNFIT
    parts = [name] if is_field else name.split(".")
    made = ".".join(unfit.sub(lambda match: _replaced(match[0], of_unicode), part) for part in parts)
    if name[0].isdecimal() and name[0].isascii():
        return _replaced(name[0], True) + made[1:] if of_unicode else "_" + made
    # No name begins with a point.
    return _replaced(".", of_unicode) + made[1:] if made[0] == "." else made


def _replaced(character: str, of_unicode: bool) -> str:
    """Return what Java has for a character: one part for each of its UTF-16 units, of two digits in front or none."""
    units = character.encode("utf-16-be", "surrogatepass")
    if not of_unicode:
        return "_" * (len(units) // 2)
    numbers = [f"{units[i] << 8 | units[i + 1]:x}" for i in range(0, len(units), 2)]
    return "".join(f"_u{'00' if len(number) <= 2 else ''}{number}" for number in numbers)
