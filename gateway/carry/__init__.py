"""Carrying by hand: the outbox goes into files on a stick, and from there to the server."""
