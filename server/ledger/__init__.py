"""The ledger: what each gateway has sealed, what of it is stored, and what became of the rest."""
