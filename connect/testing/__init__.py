"""PUBLIC. What plugin authors test with: kits that run connectors as a worker does, and say what they do to records.

`connect.testing.crash` kills, cuts and refuses, and counts what was lost. Tests import this package; nothing that runs
in production does. How long it stays as it is: docs/reference/crash-kit.md.

Elsewhere: what a plugin itself imports (`connect.api`).
"""
