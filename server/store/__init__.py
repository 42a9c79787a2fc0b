"""Keeps observations: append, newest value, ranges. The same promises on SQLite and TimescaleDB."""
