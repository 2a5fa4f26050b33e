"""The one border to plugins: every call into one, with its deadline, its watchdog and its end.

Elsewhere: what is called, and in which order (`connect.runtime.tasks`, `connect.runtime.worker`); what a plugin may
return (`connect.api.contract`).
"""
