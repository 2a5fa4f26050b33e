"""Config providers at work: references in configs, their values, and what becomes of those.

Whoever needs the values of a config asks `ConfigProviders`; nothing else resolves one. What is stored and shown has the
references.

Elsewhere: the providers that come with Connect (`plugins/connect_providers`), masks (`connect.runtime.secrets`).
"""
