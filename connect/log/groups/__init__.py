"""Consumer groups: who reads which partition, and the offsets they committed.

On the event loop; the state machine of an assignment has neither clock nor I/O.

Elsewhere: reading records (`connect.log.clients`); the lag of a sink (`connect.runtime.lag`).
"""
