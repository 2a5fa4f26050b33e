"""Previews: real records through a config's steps, and what its sink would write, with nothing left behind.

Elsewhere: the walk of one record (`connect.runtime.tasks.walks`); what a config is checked by
(`connect.runtime.validation`).
"""
