"""Harnesses: connectors and transforms at work without a worker, or in one of the test's own, for plain tests.

    test ── SourceHarness ── the runtime's border, contexts and contract ── the plugin's task
    test ── SinkHarness   ──                     "
    test ── Worker ── a whole worker, with a log in memory or in a folder ── plugins, converters, topics

What a harness calls it calls as the runtime does: `async def` on an event loop, plain `def` on a thread of the task's
own, each with a deadline; a wrong return is refused in the same words. The loop runs on a thread of the harness, so
tests are plain functions; `async` ones may use it too.

Elsewhere: kills and counts (`connect.testing.crash`); the fixtures of pytest (`connect.pytest_plugin`).
"""
