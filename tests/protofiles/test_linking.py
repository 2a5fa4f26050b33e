"""Schemas in pools; the parser against `protoc`: the files of Google's package come with what it made of them."""

from __future__ import annotations

import base64
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.type
import pytest
from google.protobuf import descriptor_pb2 as pb

from connect_protofiles import described, from_base64, imports_of, linked, message_at, parsed, read
from connect_protofiles.linking import place_of
from connect_protofiles.tokens import ProtoError

GOOGLE = Path(next(iter(google.type.__path__))).parents[1]


def google_files() -> Iterator[str]:
    for path in sorted(GOOGLE.glob("google/**/*.proto")):
        name = str(path.relative_to(GOOGLE))
        if not name.endswith("_proto.proto"):  # a copy of another under a second name
            yield name


def text_of_google(name: str) -> str | None:
    path = GOOGLE / name
    return path.read_text() if path.exists() else None


def plain(message: Any) -> Any:
    """Without what a text does not say, and with nested messages in one order."""
    for field, value in message.ListFields():
        if field.name in ("json_name", "uninterpreted_option"):
            message.ClearField(field.name)
        elif field.is_extension:
            message.ClearExtension(field)
        elif field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                plain(one)
            if field.name == "options":
                value.DiscardUnknownFields()
                if not value.ListFields():
                    message.ClearField("options")
    if isinstance(message, pb.DescriptorProto):
        nested = sorted(one.SerializeToString() for one in message.nested_type)
        del message.nested_type[:]
        message.nested_type.extend(map(pb.DescriptorProto.FromString, nested))
    return message


def descriptor(file: Any) -> pb.FileDescriptorProto:
    made = pb.FileDescriptorProto()
    file.CopyToProto(made)
    return made


def test_every_file_of_googles_comes_to_what_protoc_made_of_it() -> None:
    count = 0
    for name in google_files():
        module = importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
        text = text_of_google(name)
        assert text is not None
        made = linked(parsed(text, name), text_of_google)
        assert plain(descriptor(made)) == plain(descriptor(module.DESCRIPTOR)), name
        count += 1
    assert count > 40


def test_known_files_and_references_are_found() -> None:
    file = linked(
        parsed('syntax = "proto3"; import "a.proto"; import "google/type/date.proto"; message M { A a = 1; }'),
        {"a.proto": 'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message A { int32 x = 1; }'},
    )
    assert file.message_types_by_name["M"].fields_by_name["a"].message_type.fields_by_name["x"].number == 1


def test_a_schema_that_uses_confluents_options_without_their_import_is_taken_as_the_registry_takes_it() -> None:
    text = 'syntax = "proto3"; message M { int32 a = 1 [(confluent.field_meta) = {doc: "x"}]; }'
    assert linked(parsed(text)).message_types_by_name["M"].fields_by_name["a"].number == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('import "b.proto";', "it imports 'b.proto', which is neither among its references nor known"),
        ('import "loop.proto";', "'loop.proto' imports itself, by loop.proto -> other.proto"),
        ('import "bad.proto";', "'bad.proto', which it imports: line 1"),
        ('import "chain/1.proto";', "imports are 50 deep at most"),
        ("message M { optional Foo x = 1; }", "couldn't resolve name 'Foo'"),
        ("message M { optional int32 x = 1; optional int32 y = 1; }", "duplicate field number"),
        ("message M {} message M {}", "duplicate symbol"),
        ("message M { optional int32 x = 1 [features.odd = A]; }", "there is no option 'features.odd'"),
        ("message M { option deprecated = 5.5; }", "option 'deprecated'"),
        ('syntax = "proto3"; enum E { A = 1; }', "zero"),
        (
            'import "by.proto"; message M { optional Two x = 1; }',
            "it uses 'Two' of .*, which it does not import",
        ),
        ('import "by.proto"; extend Two { optional int32 x = 1; }', "it uses 'Two' of 'two.proto'"),
        ('import "by.proto"; service S { rpc R (Two) returns (Two); }', "it uses 'Two' of 'two.proto'"),
        ('import "uses.proto"; message M { optional Two x = 1; }', "'uses.proto' uses 'Two' of 'two.proto'"),
    ],
)
def test_what_contradicts_itself_is_refused(text: str, why: str) -> None:
    def find(name: str) -> str | None:
        number = name.removeprefix("chain/").removesuffix(".proto")
        if number.isdecimal():
            return f'import "chain/{int(number) + 1}.proto";'
        return {
            "by.proto": 'import "two.proto";', "two.proto": "message Two { extensions 1 to max; }",
            "uses.proto": 'import "by.proto"; message Three { optional Two x = 1; }',
            "loop.proto": 'import "other.proto";', "other.proto": 'import "loop.proto";', "bad.proto": "bad"
        }.get(name)  # fmt: skip

    with pytest.raises(ProtoError, match=why):
        linked(parsed(text, "default"), find)


def test_a_message_has_its_place_by_indexes_and_entries_of_maps_do_not_count() -> None:
    file = linked(
        parsed(
            'syntax = "proto3"; package p; message A {} message B { map<string, A> m = 1; message C { message D {} } }'
        )
    )
    assert message_at(file, [0]).full_name == "p.A"
    assert message_at(file, [1, 0, 0]).full_name == "p.B.C.D"
    for indexes in ([2], [1, 1], [-1]):
        with pytest.raises(ProtoError, match="has no message at"):
            message_at(file, indexes)


def test_a_file_of_one_public_import_stands_for_that() -> None:
    file = linked(parsed('syntax = "proto3"; import public "a.proto";'), {"a.proto": "message A {}"})
    assert message_at(file, [0]).full_name == "A"


def test_a_descriptor_in_base64_is_read_as_the_registry_does() -> None:
    given = parsed('syntax = "proto3"; message A { int32 b = 1; }', "other")
    encoded = base64.b64encode(given.SerializeToString()).decode()
    assert read(encoded, "mine").name == "mine"
    assert message_at(linked(read(encoded)), [0]).full_name == "A"
    assert read(f"{encoded[:20]}\n {encoded[20:]}\n", "mine") == read(encoded, "mine")
    for text in ("!", "AAAA", "message"):
        with pytest.raises(ProtoError, match="line 1"):
            read(text)


def test_names_for_json_that_would_be_the_same_are_left_out_of_a_descriptor() -> None:
    given = parsed(
        "message M { optional int32 a_b = 1 [json_name = 'aB']; optional int32 c = 2 [json_name = 'd'];"
        "message N { optional int32 _e = 1 [json_name = 'E']; } } extend M { optional int32 f = 5 [json_name = 'f']; }"
    )
    made = from_base64(base64.b64encode(given.SerializeToString()).decode())
    assert made is not None
    message = made.message_type[0]
    assert [field.json_name for field in message.field] == ["", "d"]
    assert not message.nested_type[0].field[0].HasField("json_name")
    assert not made.extension[0].HasField("json_name")


def test_a_file_in_a_pool_is_described_with_names_in_full_and_options_set() -> None:
    made = described(
        linked(
            parsed(
                'syntax = "proto3"; package p.q; import "a.proto"; option java_package = "j";'
                "message M { N n = 1; q.N o = 2; map<string, B> m = 3; message N { N again = 1; } } message N {}"
            ),
            {"a.proto": 'syntax = "proto3"; package p; import public "b.proto";', "b.proto": "package p; message B {}"},
        )
    )
    message = made.message_type[0]
    assert [field.type_name for field in message.field] == [".p.q.M.N", ".p.q.N", ".p.q.M.MEntry"]
    assert message.nested_type[0].field[0].type_name == ".p.q.M.N"
    assert message.nested_type[1].field[1].type_name == ".p.B"
    assert made.options.java_package == "j"


def test_imports_are_all_files_that_one_needs() -> None:
    texts = {"a.proto": 'import "b.proto"; import "c.proto";', "b.proto": 'import "c.proto";', "c.proto": ""}
    file = linked(parsed('import "a.proto";'), texts)
    assert sorted(one.name for one in imports_of(file)) == ["a.proto", "b.proto", "c.proto"]


def test_what_is_kept_of_a_descriptor_is_checked() -> None:
    for places in ("public_dependency", "weak_dependency"):
        file = pb.FileDescriptorProto(name="x", **{places: [1]})
        with pytest.raises(ProtoError, match=r".+"):
            linked(file)


def test_a_message_is_found_by_its_name_and_entries_of_maps_do_not_count() -> None:
    file = parsed("package p.q; message A {} message B { map<string, A> m = 1; message C { message D {} } }")
    assert place_of(file, "p.q.B.C.D") == (1, 0, 0)
    for name in ("p.q.E", "p.B", "B", "p.q.B.MEntry", "p.q.A.C"):
        assert place_of(file, name) == ()
    assert place_of(parsed("message A {}"), "A") == (0,)


def test_the_reason_is_told_in_the_words_of_protobuf_alone() -> None:
    with pytest.raises(ProtoError, match=r"^couldn't resolve name 'X'$"):
        linked(parsed("message M { optional X x = 1; }"))
