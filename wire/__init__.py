"""What gateway and server agree on: topics, messages, batches, properties, units, flags, catalogue.

Nothing in this package does I/O; the bundled catalogue is read as package data, once, on request.
"""
