"""PEM as configs have it, for plugins that speak TLS."""

from __future__ import annotations

import re
from typing import Final

from connect.api.errors import ConfigError

_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


def whole_pem(name: str, text: str) -> str:
    """Return PEM with its line breaks: a properties file joins the lines of a value, which OpenSSL does not read.

    Args:
        name: The key whose value it is.

    Raises:
        ConfigError: There is no PEM in it.
    """
    blocks = []
    for kind, body in _BLOCK.findall(text):
        if "Proc-Type" in body:  # an old encrypted key: its headers are lines of their own
            blocks.append(f"-----BEGIN {kind}-----{body}-----END {kind}-----\n")
            continue
        packed = "".join(body.split())
        lines = "\n".join(packed[at : at + 64] for at in range(0, len(packed), 64))
        blocks.append(f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n")
    if not blocks:
        raise ConfigError(f"{name}: no PEM is found in it ('-----BEGIN ...-----')", config_path=name)
    return "".join(blocks)
