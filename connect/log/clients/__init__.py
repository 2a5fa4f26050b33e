"""What the worker holds of the log: producers, consumers, the administrator. On the event loop, one hop a call."""
