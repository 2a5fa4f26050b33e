"""Commands of a shell, and what they would send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect.runtime.config_texts.commands import is_command, sent
from connect.runtime.config_texts.forms import Form, of_text

CLASS = {"connector.class": "FileStreamSink"}
WRAPPED = json.dumps({"name": "c", "config": {**CLASS, "topics": "t"}})
FLAT = json.dumps({**CLASS, "topics": "t"})
AT = "http://k:8083/connectors"
RESOURCE = "apiVersion: v1\nkind: KafkaConnector\nmetadata:\n  name: c\nspec:\n  class: F\n  config:\n    topics: t\n"


@pytest.mark.parametrize(
    ("command", "name", "topics"),
    [
        (
            "curl -X POST http://k:8083/connectors -H 'Content-Type: application/json' -d '"
            + json.dumps({"name": "c", "config": {**CLASS, "topics": "it\\u0027s"}}).replace("\\\\u", "\\u")
            + "'",
            "c",
            "it's",
        ),
        (
            "curl -s -X PUT \\\n  -H 'Content-Type: application/json' \\\n  http://k:8083/connectors/a%20b/config \\\n"
            "  --data-raw '" + json.dumps({**CLASS, "topics": "t"}) + "'",
            "a b",
            "t",
        ),
        ("curl k:8083/connectors/c/config --json='" + json.dumps({**CLASS, "topics": "t"}) + "'", "c", "t"),
    ],
)
def test_a_command_of_curl_is_read_and_not_run(command: str, name: str, topics: str) -> None:
    [one] = of_text("here", "", command)
    assert (one.form, one.name, one.config["topics"]) == (Form.CONNECTOR, name, topics)
    assert one.shape.startswith("a command of curl with ")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("curl k:8083/connectors", "has no config beside it$"),
        ("curl -d", "has no config beside it$"),
        ("curl -d @sink.json k:8083/connectors", r"but a file, sink\.json"),
        ("curl -d '{", "no command that can be read"),
        ("curl -d " + "x" * (1 << 17), "command of more than 65,536 characters"),
    ],
)
def test_a_command_without_a_config_says_so(command: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        of_text("here", "", command)


@pytest.mark.parametrize(
    "text",
    [
        f"#!/bin/bash\n# it's a comment\nset -e\n\ncurl -X POST {AT} -d '{WRAPPED}'\ncurl {AT}/c/status\n",
        f"$ curl -X POST {AT} \\\n  -d $'{WRAPPED}'",
        f"curl -sX PUT -H'Content-Type: application/json' -d'{FLAT}' {AT}/c/config | jq .",
        f"curl -XPOST {AT} -d @- <<EOF\n{WRAPPED}\nEOF\n",
        f"cat <<'EOF' | curl -X POST --data-binary @- {AT}\n{WRAPPED}\nEOF",
        f"cat > c.json << EOF\n{WRAPPED}\nEOF\ncurl -d @c.json {AT}",
        f"echo '{WRAPPED}' | curl -d @- {AT}",
        f"docker exec -it k curl -X POST {AT} -d '{WRAPPED}'",
        f"kubectl exec k -- /usr/bin/curl -X POST {AT} -d '{WRAPPED}'",
        "curl -X POST k:8083/connectors ^\r\n -d " + json.dumps(WRAPPED),
        f"kubectl apply -n kafka -f - <<EOF\n{RESOURCE}EOF\n",
        f"cat << EOF | oc create -f -\n{RESOURCE}EOF\n",
    ],
)
def test_configs_are_found_where_scripts_and_tutorials_have_them(text: str) -> None:
    [one] = of_text("here", "", text)
    assert (one.form, one.name, one.config["topics"]) == (Form.CONNECTOR, "c", "t")


def test_each_command_of_a_script_counts() -> None:
    script = f"curl {AT} -d '{WRAPPED}'\n\ncurl -X PUT {AT}/d/config -d '{FLAT}' && curl {AT}\n"
    found = of_text("here", "", script)
    assert [(one.where, one.name) for one in found] == [("here: command 1", "c"), ("here: command 2", "d")]


def test_what_a_shell_takes_away_in_front_of_a_dollar_is_no_part_of_the_config() -> None:
    body = '{"transforms.a.type": "MaskField\\\\$Value"}'.replace("\\\\", "\\")
    assert [one.text for one in sent("here", f"curl -d @- {AT} <<EOF\n{body}\nEOF\n")] == [
        '{"transforms.a.type": "MaskField$Value"}\n'
    ]
    assert [one.text for one in sent("here", f"curl -d '{body}' {AT}")] == ['{"transforms.a.type": "MaskField$Value"}']


def test_a_file_that_is_not_there_is_named_and_so_is_standard_input() -> None:
    with pytest.raises(ConfigError, match=r"but a file, k\.yaml"):
        sent("here", "kubectl apply -f k.yaml")
    with pytest.raises(ConfigError, match="but its standard input"):
        sent("here", f"curl -d @- {AT}")


@pytest.mark.parametrize("text", [WRAPPED, "name=c\nurl=http://curl/\n", "curl=1\n", RESOURCE])
def test_a_config_is_no_command(text: str) -> None:
    assert not is_command(text)


@given(st.text(alphabet="curl kbet-d@{}\"'\n<>|&;EOF$\\/=\0", max_size=60))
def test_whatever_is_typed_behind_a_command_is_read_or_refused(text: str) -> None:
    try:
        of_text("here", "", f"curl {text}")
    except ConfigError as refused:
        assert "here" in refused.message


def test_very_many_here_documents_are_read_in_time_that_grows_with_them() -> None:
    with pytest.raises(ConfigError, match="no config beside it"):
        sent("here", "curl " + "<<E " * 16_000)
