"""The worker's log: what a line looks like, which are written and which counted, and who writes them.

    whoever logs -- LineHandler -- Folding (written, or counted) -- a thread -- terminal, file or pipe
                       '-- formats: text for people, JSON for machines; no secret in either

Elsewhere: levels, which requests change (`connect.runtime.loggers`); lines about records that were skipped
(`connect.runtime.tasks.error_log`).
"""

from connect.cli.logs.setting_up import set_up

__all__ = ["set_up"]
