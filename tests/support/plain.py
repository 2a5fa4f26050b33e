"""HTTP without TLS for tests."""

from __future__ import annotations

import ssl
from typing import Final

#: For clients of http addresses, as their `verify`: it trusts nobody, and is there at once. A client that is told
#: nothing reads all certificates that the system trusts, which takes longer than its request.
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
