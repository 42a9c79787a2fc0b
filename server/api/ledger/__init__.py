"""The ledger at the HTTP edge."""
