"""The life of a task: polls, transforms, converts, appends, puts, commits, and what is done about bad records.

On the event loop, but for the pipeline, which runs on the task's own thread with the plugin.

Elsewhere: starting and stopping tasks (`connect.runtime.worker`); restarting failed ones (`connect.runtime.restarts`);
lag (`connect.runtime.lag`).
"""
