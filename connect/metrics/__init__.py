"""What a worker tells of itself in figures: the declarations of all metrics, a look at the worker, and the texts.

Elsewhere: what is counted, in plain numbers (`connect.runtime.tasks.meter`, `connect.figures`); the route
(`connect.rest.metrics`); the board and the alert rules that are made from the declarations (`configs/monitoring`).
"""
