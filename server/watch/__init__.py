"""Warnings in the database: rules, what they watch, and the record that ingest and timers write.

What is decided is decided in `server.alerts`, which is pure; here it is read, kept and told.
"""
