"""Faults against the whole pipeline, and the proof that they cost no reading.

`schedule` says what happens when, `faults` does it to `programs`, links, disks, clocks, cards and
database, `experiment` is one run from start to audit, `watch` looks on, `tally` compares.
"""
