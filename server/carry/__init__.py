"""What was carried by hand takes the way of what the broker brings: journal, store, ledger."""
