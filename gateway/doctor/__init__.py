"""`saxaul-gateway doctor`: looks at all that a gateway stands on, and says what to do about it.

Every check reads and changes nothing, also beside a running gateway; the files of /proc and /sys
are read under a root that tests replace.
"""
