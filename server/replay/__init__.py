"""Replay: what the journal holds, decoded, checked, derived and stored once more after a fix."""
