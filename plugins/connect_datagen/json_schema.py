"""From a JSON Schema to a column of JSON values, each of which is valid by it.

Of draft 2020-12. A keyword that says something about values and is not understood here is refused, with the JSON
pointer to where it stands; so is a schema of which no value can be made. Where a value that is made need not be valid
(`oneOf`, `not`, `uniqueItems`, schemas that say two things about one value) jsonschema decides, and it is made again.

Source: JSON Schema draft 2020-12, Core and Validation.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
import string
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from connect_datagen import avro, regex
from connect_datagen.avro import AvroProblem
from connect_datagen.columns import Column, integers

_TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
#: What says nothing about values; a word that is not in the draft says nothing either.
_REFUSED: Final = frozenset(
    {
        "$dynamicRef", "$recursiveRef", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies",
        "patternProperties", "propertyNames", "contains", "minContains", "maxContains", "unevaluatedItems",
        "unevaluatedProperties", "additionalItems",
    }
)  # fmt: skip
_LARGER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_SMALLER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_OF_TYPE: Final = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
#: How often a schema may stand in itself; and schemas in all, each as often as it is used.
_DEPTH_MAX: Final = 2
_NODES_MAX: Final = 1000
_LONG: Final = (-(1 << 63), (1 << 63) - 1)
#: Values drawn at most to see whether any is valid, how many of those are kept, and how often one is made again.
_SAMPLE: Final = 200
_SPARE: Final = 20
_ROUNDS: Final = 10
_ITEMS_MORE: Final = 3
_ITEMS_MAX: Final = 10_000
_TEXT: Final = (1, 12)
_LETTERS: Final = string.ascii_letters + string.digits
#: What a recipe of a value is: a function of the random numbers.
Recipe = Callable[[random.Random], Any]


class JsonSchemaProblem(ValueError):
    """What is wrong with a schema, and the JSON pointer to where."""

    def __init__(self, message: str, pointer: str) -> None:
        super().__init__(f"at {pointer or '/'!r}: {message}")


class _TooDeepProblem(Exception):
    """A schema stands in itself too often; what is optional there is left out."""


def column(text: str) -> Column:
    """Return the column of the values of a schema, which are objects.

    Raises:
        JsonSchemaProblem: The text is no JSON Schema, or one that cannot be generated.
    """
    try:
        schema = avro.from_json(text)
    except AvroProblem as error:
        raise JsonSchemaProblem(str(error), "") from error
    except RecursionError as error:
        raise JsonSchemaProblem("it is nested too deeply", "") from error
    made = _Compiler(schema).root()
    if not all(isinstance(value, dict) for value in made(random.Random(0), 0, _SAMPLE)):
        raise JsonSchemaProblem("the outermost values must be objects", "")
    return made


class _Compiler:
    def __init__(self, schema: Any) -> None:
        from jsonschema import Draft202012Validator as Validator  # takes 0.1 s, which only such schemas shall cost
        from jsonschema.exceptions import SchemaError

        try:
            Validator.check_schema(schema)
        except SchemaError as error:
            raise JsonSchemaProblem(f"it is no JSON Schema: {error.message}", _pointer(error.absolute_path)) from error
        except RecursionError as error:
            raise JsonSchemaProblem("it is nested too deeply", "") from error
        self._schema = schema
        self._validator = Validator(schema, format_checker=Validator.FORMAT_CHECKER)
        self._refs: dict[str, int] = {}
        self._nodes = 0

    def root(self) -> Column:
        try:
            recipe = self._recipe(self._schema, "")
        except (_TooDeepProblem, RecursionError) as error:
            raise JsonSchemaProblem("it contains itself, so its values would never end", "") from error
        return lambda rng, first, count: [recipe(rng) for _ in range(count)]

    def _recipe(self, schema: Any, pointer: str) -> Recipe:
        """Return the recipe of a schema's values, all valid by it."""
        self._nodes += 1
        if self._nodes > _NODES_MAX:
            raise JsonSchemaProblem(f"it comes to more than {_NODES_MAX} schemas, since it contains itself", pointer)
        entered: list[str] = []
        try:
            words, choices, is_sure = self._flat(schema, pointer, entered)
            recipe = self._of_choices(words, choices, pointer)
        finally:
            for ref in entered:
                self._refs[ref] -= 1
        return recipe if is_sure and not choices else self._kept(recipe, schema, pointer)

    # -- what a schema says in all -----------------------------------------------------------------------------------

    def _flat(
        self, schema: Any, pointer: str, entered: list[str]
    ) -> tuple[dict[str, Any], list[list[tuple[Any, str]]], bool]:
        """Return all that a schema says about a value: words, groups of schemas of which one holds, and whether the
        words say everything. What it refers to, and `allOf`, are in it.
        """
        if schema is True:
            return {}, [], True
        if schema is False:
            raise _NothingProblem("no value is valid", pointer)
        refused = sorted(_REFUSED & schema.keys())
        if refused:
            raise JsonSchemaProblem(f"{refused[0]!r} cannot be generated", f"{pointer}/{refused[0]}")
        if "$id" in schema and pointer:
            raise JsonSchemaProblem("'$id' is understood at the outermost schema only", f"{pointer}/$id")
        words = {name: value for name, value in schema.items() if name in _KNOWN}
        if "const" in words:
            words["enum"] = [words.pop("const")]
        if "enum" in words:
            words["enum"] = [value for value in words["enum"] if self._is_valid(value, schema)]
        choices = [
            [(branch, f"{pointer}/{name}/{index}") for index, branch in enumerate(schema[name])]
            for name in ("anyOf", "oneOf")
            if name in schema
        ]
        is_sure = "not" not in schema
        parts = [(part, f"{pointer}/allOf/{index}") for index, part in enumerate(schema.get("allOf", ()))]
        if "$ref" in schema:
            parts.append(self._referred(schema["$ref"], pointer, entered))
            is_sure = is_sure and not words and not choices and len(parts) == 1
        else:
            is_sure = is_sure and not parts
        for part, where in parts:
            more, further, part_sure = self._flat(part, where, entered)
            words = _merged(words, more, where)
            choices += further
            is_sure = is_sure and part_sure
        return words, choices, is_sure

    def _referred(self, ref: str, pointer: str, entered: list[str]) -> tuple[Any, str]:
        where = f"{pointer}/$ref"
        if not ref.startswith("#") or (len(ref) > 1 and ref[1] != "/"):
            raise JsonSchemaProblem(f"$ref {ref!r} leads out of the schema; understood are '#' and '#/…'", where)
        found = self._schema
        for part in ref[2:].split("/") if len(ref) > 1 else ():
            name = _unescaped(part)
            if isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                raise JsonSchemaProblem(f"$ref {ref!r} leads nowhere", where)
        if not isinstance(found, dict | bool):
            raise JsonSchemaProblem(f"$ref {ref!r} leads to no schema", where)
        if self._refs.get(ref, 0) >= _DEPTH_MAX:
            raise _TooDeepProblem
        self._refs[ref] = self._refs.get(ref, 0) + 1
        entered.append(ref)
        return found, ref[1:]

    # -- recipes -----------------------------------------------------------------------------------------------------

    def _of_choices(self, words: dict[str, Any], choices: list[list[tuple[Any, str]]], pointer: str) -> Recipe:
        """Return the recipe of one of each group's schemas, with all else that is said."""
        if not choices:
            return self._of_words(words, pointer)
        recipes: list[Recipe] = []
        problem: Exception | None = None
        for branch, where in choices[0]:
            entered: list[str] = []
            try:
                more, further, _ = self._flat(branch, where, entered)
                recipes.append(self._of_choices(_merged(words, more, where), [*choices[1:], *further], where))
            except (_TooDeepProblem, _NothingProblem) as error:  # another branch may do
                problem = error
            finally:
                for ref in entered:
                    self._refs[ref] -= 1
        if not recipes:
            assert problem is not None
            raise problem
        return _one_of(recipes)

    def _of_words(self, words: Mapping[str, Any], pointer: str) -> Recipe:
        if "enum" in words:
            if not words["enum"]:
                raise _NothingProblem("no value of the enum is valid", f"{pointer}/enum")
            values = words["enum"]
            return lambda rng: values[int(rng.random() * len(values))]
        kinds = _kinds(words)
        if not kinds:
            raise _NothingProblem("no type is left", f"{pointer}/type")
        return _one_of([self._of_type(kind, words, pointer) for kind in kinds])

    def _of_type(self, kind: str, words: Mapping[str, Any], pointer: str) -> Recipe:
        match kind:
            case "null":
                return lambda rng: None
            case "boolean":
                return lambda rng: rng.random() < 0.5
            case "integer":
                return _integers(words, pointer)
            case "number":
                return _numbers(words, pointer)
            case "string":
                return self._strings(words, pointer)
            case "array":
                return self._array(words, pointer)
        return self._object(words, pointer)

    def _strings(self, words: Mapping[str, Any], pointer: str) -> Recipe:
        low = int(words.get("minLength", 0))
        high = int(words.get("maxLength", max(low, _TEXT[1])))
        if high < low:
            raise _NothingProblem(f"minLength {low} is above maxLength {high}", f"{pointer}/minLength")
        if low > regex.TEXT_CHARACTERS_MAX:
            raise JsonSchemaProblem(f"texts of {low} characters are too long", f"{pointer}/minLength")
        if "format" in words:
            maker = _FORMATS.get(words["format"])
            if maker is None:
                known = ", ".join(sorted(_FORMATS))
                what = f"format {words['format']!r} cannot be generated; known are {known}"
                raise JsonSchemaProblem(what, f"{pointer}/format")
            if not {"pattern", "minLength", "maxLength"} & words.keys():
                return maker
            return self._kept(maker, {name: words[name] for name in _OF_TYPE["string"] if name in words}, pointer)
        if "pattern" in words:
            return self._matching(words, low, pointer)
        low = max(low, min(_TEXT[0], high))
        high = min(high, max(low, _TEXT[1]))
        return lambda rng: "".join(rng.choices(_LETTERS, k=low + int(rng.random() * (high - low + 1))))

    def _matching(self, words: Mapping[str, Any], low: int, pointer: str) -> Recipe:
        try:
            node = regex.parse(words["pattern"], open_repeats=max(regex.OPEN_REPEATS, low))
        except regex.RegexProblem as error:
            raise JsonSchemaProblem(str(error), f"{pointer}/pattern") from error
        # `re`, by which jsonschema looks, and the texts that are made may differ about what the pattern means.
        rules = {name: words[name] for name in ("pattern", "minLength", "maxLength") if name in words}
        return self._kept(lambda rng: regex.draw(node, rng, 1)[0], rules, f"{pointer}/pattern")

    def _array(self, words: Mapping[str, Any], pointer: str) -> Recipe:
        prefix = words.get("prefixItems", ())
        low = int(words.get("minItems", 0))
        high = int(words.get("maxItems", max(low, len(prefix)) + _ITEMS_MORE))
        if high < low:
            raise _NothingProblem(f"minItems {low} is above maxItems {high}", f"{pointer}/minItems")
        if low > _ITEMS_MAX:
            raise JsonSchemaProblem(f"{low} items are more than {_ITEMS_MAX}", f"{pointer}/minItems")
        high = min(high, max(low, len(prefix)) + _ITEMS_MORE)
        firsts: list[Recipe] = []
        rest: Recipe | None = None
        try:
            firsts += [self._recipe(item, f"{pointer}/prefixItems/{index}") for index, item in enumerate(prefix[:high])]
            if len(firsts) < high:
                rest = self._recipe(words.get("items", True), f"{pointer}/items")
        except (_TooDeepProblem, _NothingProblem):
            if low > len(firsts):
                raise
            high = len(firsts)  # as far as it goes

        def make(rng: random.Random) -> Any:
            size = low + int(rng.random() * (high - low + 1))
            made = [first(rng) for first in firsts[:size]]
            if rest is not None:
                made += [rest(rng) for _ in range(size - len(made))]
            return made

        if not words.get("uniqueItems"):
            return make
        return self._kept(make, {"uniqueItems": True}, f"{pointer}/uniqueItems")

    def _object(self, words: Mapping[str, Any], pointer: str) -> Recipe:
        required = list(dict.fromkeys(words.get("required", ())))
        properties = words.get("properties", {})
        others = words.get("additionalProperties", True)
        recipes: dict[str, Recipe] = {}
        for name in [*required, *(name for name in properties if name not in required)]:
            at_name = f"{pointer}/properties/{_escaped(name)}"
            where = at_name if name in properties else f"{pointer}/additionalProperties"
            try:
                recipes[name] = self._recipe(properties.get(name, others), where)
            except (_TooDeepProblem, _NothingProblem) as error:
                if name not in required:
                    continue
                if others is False and name not in properties:
                    what = f"{name!r} is required, and additionalProperties does not allow it"
                    raise _NothingProblem(what, f"{pointer}/required") from error
                raise
        sure = [(name, recipe) for name, recipe in recipes.items() if name in required]
        maybe = [(name, recipe) for name, recipe in recipes.items() if name not in required]

        def make(rng: random.Random) -> Any:
            made = {name: recipe(rng) for name, recipe in sure}
            for name, recipe in maybe:
                if rng.random() < 0.5:
                    made[name] = recipe(rng)
            return made

        counts = {name: words[name] for name in ("minProperties", "maxProperties") if name in words}
        return self._kept(make, counts, pointer) if counts else make

    # -- those that are valid ----------------------------------------------------------------------------------------

    def _is_valid(self, value: Any, schema: Any) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return bool(self._validator.evolve(schema=schema).is_valid(value))

    def _kept(self, recipe: Recipe, schema: Any, pointer: str) -> Recipe:
        """Return a recipe of those values that are valid by a schema."""
        rng = random.Random(0)
        drawn = (recipe(rng) for _ in range(_SAMPLE))
        spare = list(itertools.islice((value for value in drawn if self._is_valid(value, schema)), _SPARE))
        if not spare:
            raise _NothingProblem("hardly ever a value that is made for it is valid, if there is any", pointer)
        validator = self._validator.evolve(schema=schema)

        def make(rng: random.Random) -> Any:
            for _ in range(_ROUNDS):
                value = recipe(rng)
                if validator.is_valid(value):
                    return value
            return spare[int(rng.random() * len(spare))]

        return make


class _NothingProblem(JsonSchemaProblem):
    """No value is valid here; another branch may have one."""


_KNOWN: Final = {"type", "enum", "const", *itertools.chain.from_iterable(_OF_TYPE.values())}


def _one_of(recipes: Sequence[Recipe]) -> Recipe:
    if len(recipes) == 1:
        return recipes[0]
    return lambda rng: recipes[int(rng.random() * len(recipes))](rng)


def _kinds(words: Mapping[str, Any]) -> list[str]:
    """Return the types that a value may have: those that are said, else what the other words are about."""
    if "type" in words:
        return [words["type"]] if isinstance(words["type"], str) else list(words["type"])
    about = [kind for kind, names in _OF_TYPE.items() if any(name in words for name in names)]
    return about or ["integer", "string", "boolean"]


def _bounds(words: Mapping[str, Any]) -> tuple[float | int | None, bool, float | int | None, bool]:
    """Return the least and the most number, and whether each is left out itself."""
    low, low_open = words.get("minimum"), False
    if "exclusiveMinimum" in words and (low is None or words["exclusiveMinimum"] >= low):
        low, low_open = words["exclusiveMinimum"], True
    high, high_open = words.get("maximum"), False
    if "exclusiveMaximum" in words and (high is None or words["exclusiveMaximum"] <= high):
        high, high_open = words["exclusiveMaximum"], True
    return low, low_open, high, high_open


def _multiples(words: Mapping[str, Any], unit: Fraction, pointer: str) -> range:
    """Return the numbers `n` of which `n * unit` lies within the bounds."""
    low, low_open, high, high_open = _bounds(words)
    least = most = None
    if low is not None:
        least = math.ceil(Fraction(low) / unit)
        least += low_open and least * unit == Fraction(low)
    if high is not None:
        most = math.floor(Fraction(high) / unit)
        most -= high_open and most * unit == Fraction(high)
    if least is None:
        least = min(0, most - 1000) if most is not None else 0
    if most is None:
        most = max(1000, least + 1000)
    least, most = max(least, math.ceil(_LONG[0] / unit)), min(most, math.floor(_LONG[1] / unit))
    if least > most:
        raise _NothingProblem("no number is within the bounds", pointer)
    return range(least, most + 1)


def _integers(words: Mapping[str, Any], pointer: str) -> Recipe:
    unit = Fraction(1)
    if "multipleOf" in words:
        multiple = Fraction(str(words["multipleOf"]))
        unit = Fraction(multiple.numerator)  # the whole multiples of a/b in lowest terms are those of a
    numbers = _multiples(words, unit, pointer)
    drawn, factor = integers(numbers.start, numbers.stop), int(unit)
    return lambda rng: drawn(rng, 0, 1)[0] * factor


def _numbers(words: Mapping[str, Any], pointer: str) -> Recipe:
    if "multipleOf" in words:
        # Of other multiples a float is hardly ever one, as jsonschema reckons; so are these tried.
        multiple = words["multipleOf"]
        unit = Fraction(str(multiple))
        numbers = _multiples(words, unit, pointer)
        low, low_open, high, high_open = _bounds(words)
        drawn = integers(numbers.start, numbers.stop)

        def times(n: int) -> Any:
            # The float of the digits: 7.31, where 731 * 0.01 has more of them and is no multiple to who counts exactly.
            return float(n * unit) if isinstance(multiple, float) else n * multiple

        sample = [times(n) for n in drawn(random.Random(0), 0, _SAMPLE)]
        spare = [value for value in sample if _is_multiple(value, multiple)
                 and _is_within(value, low, low_open, high, high_open)]  # fmt: skip
        if not spare:
            raise _NothingProblem(f"no multiple of {multiple} is within the bounds", f"{pointer}/multipleOf")

        def make(rng: random.Random) -> Any:
            value = times(drawn(rng, 0, 1)[0])
            if _is_multiple(value, multiple) and _is_within(value, low, low_open, high, high_open):
                return value
            return spare[int(rng.random() * len(spare))]

        return make
    low, low_open, high, high_open = _bounds(words)
    try:
        least = float(low) if low is not None else min(0.0, float(high) - 1000 if high is not None else 0.0)
        most = float(high) if high is not None else max(1000.0, least + 1000)
    except OverflowError as error:
        raise JsonSchemaProblem("a bound is larger than any number of 64 bits", pointer) from error
    if least > most or (least == most and (low_open or high_open)):
        raise _NothingProblem("no number is within the bounds", pointer)
    middle = least / 2 + most / 2
    if not _is_within(middle, low, low_open, high, high_open):
        raise _NothingProblem("no number of 64 bits is within the bounds", pointer)

    def draw(rng: random.Random) -> Any:
        part = rng.random()
        value = least * (1 - part) + most * part
        return value if _is_within(value, low, low_open, high, high_open) else middle

    return draw


def _is_within(value: Any, low: Any, low_open: bool, high: Any, high_open: bool) -> bool:
    above = low is None or (value > low if low_open else value >= low)
    return above and (high is None or (value < high if high_open else value <= high))


def _is_multiple(value: Any, multiple: Any) -> bool:
    """Whether jsonschema takes a number for a multiple, which for fractions is a matter of rounding."""
    if isinstance(multiple, float) or isinstance(value, float):
        quotient = value / multiple
        return math.isfinite(quotient) and int(quotient) == quotient
    return bool(value % multiple == 0)


def _merged(one: dict[str, Any], other: dict[str, Any], pointer: str) -> dict[str, Any]:
    """Return what two schemas say together about one value."""
    made = dict(one)
    for name, value in other.items():
        if name not in made:
            made[name] = value
        elif made[name] != value or type(made[name]) is not type(value):
            made[name] = _both(name, made[name], value, pointer)
    return made


def _both(name: str, one: Any, other: Any, pointer: str) -> Any:
    if name in _LARGER:
        return max(one, other)
    if name in _SMALLER:
        return min(one, other)
    match name:
        case "type":
            ones, others = ([kinds] if isinstance(kinds, str) else kinds for kinds in (one, other))
            return [
                kind
                for kind in _TYPES
                if (kind in ones and kind in others)
                or (kind == "integer" and "number" in (*ones, *others) and "integer" in (*ones, *others)
                    and not ("number" in ones and "number" in others))
            ]  # fmt: skip
        case "enum":
            return [value for value in one if any(_same(value, third) for third in other)]
        case "required":
            return [*one, *other]
        case "properties":
            return {**one, **other, **{n: {"allOf": [one[n], other[n]]} for n in one if n in other}}
        case "items" | "additionalProperties":
            return False if one is False or other is False else {"allOf": [one, other]}
        case "uniqueItems":
            return one or other
        case "multipleOf":
            first, second = Fraction(str(one)), Fraction(str(other))
            both = Fraction(
                math.lcm(first.numerator * second.denominator, second.numerator * first.denominator),
                first.denominator * second.denominator,
            )
            return int(both) if both.denominator == 1 else float(both)
    raise JsonSchemaProblem(f"two schemas say {name!r} of one value, which cannot be generated", f"{pointer}/{name}")


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


# -- formats and pointers ----------------------------------------------------------------------------------------------

_FIRST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_SPAN_MS: Final = 30 * 365 * 86_400_000
_WORDS: Final = ("alpha", "beta", "gamma", "delta", "north", "south", "river", "stone", "green", "amber")


def _moment(rng: random.Random) -> dt.datetime:
    return _FIRST + dt.timedelta(milliseconds=int(rng.random() * _SPAN_MS))


def _word(rng: random.Random) -> str:
    return f"{_WORDS[int(rng.random() * len(_WORDS))]}{int(rng.random() * 1000)}"


_FORMATS: Final[Mapping[str, Recipe]] = {
    "date-time": lambda rng: _moment(rng).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    "date": lambda rng: _moment(rng).date().isoformat(),
    "time": lambda rng: _moment(rng).strftime("%H:%M:%SZ"),
    "duration": lambda rng: f"P{1 + int(rng.random() * 30)}DT{int(rng.random() * 24)}H",
    "email": lambda rng: f"{_word(rng)}@example.org",
    "idn-email": lambda rng: f"{_word(rng)}@example.org",
    "hostname": lambda rng: f"{_word(rng)}.example.org",
    "idn-hostname": lambda rng: f"{_word(rng)}.example.org",
    "ipv4": lambda rng: f"192.0.2.{int(rng.random() * 256)}",
    "ipv6": lambda rng: f"2001:db8::{int(rng.random() * 65536):x}",
    "uri": lambda rng: f"https://example.org/{_word(rng)}",
    "uri-reference": lambda rng: f"/{_word(rng)}",
    "iri": lambda rng: f"https://example.org/{_word(rng)}",
    "iri-reference": lambda rng: f"/{_word(rng)}",
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "json-pointer": lambda rng: f"/{_word(rng)}/{int(rng.random() * 10)}",
    "relative-json-pointer": lambda rng: f"{int(rng.random() * 5)}/{_word(rng)}",
    "regex": lambda rng: f"^{_word(rng)}[a-z]*$",
}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(part: str) -> str:
    from urllib.parse import unquote

    return unquote(part).replace("~1", "/").replace("~0", "~")


def _pointer(path: Sequence[Any]) -> str:
    return "".join(f"/{_escaped(str(part))}" for part in path)
