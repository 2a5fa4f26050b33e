"""The bodies and answers of REST, each declared once: checks, OpenAPI and the type checker all read these classes.

A body is a pydantic model (`Body`): a request is checked against it by `connect.rest.bodies`. An answer is a typed
dictionary that pydantic reads: the type checker holds the routes to it, and what they return is written as it is.
The order of an answer's members is the order in which they are sent where Kafka Connect has one.

Elsewhere: which route takes and answers what (`connect.rest.operations`), and examples of it for the OpenAPI document
(`connect.rest.models.examples`).
"""
