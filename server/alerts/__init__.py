"""How warnings are decided: rules, conditions and the machine that folds samples. Pure.

No database, no clock, no thread: what is read and written around it is in `server.watch`.
"""
