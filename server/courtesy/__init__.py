"""Answers go before ingest and what is done in the background: people wait for them."""
