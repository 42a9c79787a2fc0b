"""Faults against the whole pipeline, and the proof that they cost no reading.

`schedule` says what happens when, `faults` does it to `programs` and links, `experiment` is one
run from start to audit, `tally` compares.
"""
