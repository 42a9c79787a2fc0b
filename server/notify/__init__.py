"""Telling people: who wants to know what, what is sent to whom, and what became of it."""
