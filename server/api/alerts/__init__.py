"""Warnings over HTTP: what is active, what became of it, what people do about it, rules, feeds."""
