"""What to ask a sensor and how its frames become readings.

Conversations are generators: they run against a list in a test and against a port in the field.
Most sensors need no driver of their own but an entry in the catalogue.
"""
