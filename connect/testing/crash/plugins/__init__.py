"""What a worker under test loads by `plugin.path`: the kit's own source, and a transform that slows a task.

Elsewhere: the server that the source reads (`connect.testing.crash.server`).
"""
