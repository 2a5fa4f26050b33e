"""The one border to plugins: every call into one, with its deadline, its watchdog and its end."""
