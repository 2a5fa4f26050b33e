"""Schema contracts: what the records of a topic may look like, held before anything is written.

Nothing here knows a task: `contract.py` is the last step of a task's transforms, and works on its thread.

Elsewhere: where it is kept what is known of each topic (`connect.stores.contracts`), what becomes of a record that
fails (`connect.runtime.tasks.tolerance`), and the levels of a schema registry (`connect.registry`).
"""
