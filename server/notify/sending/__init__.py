"""Sending what is due: claimed, sent outside of any transaction, marked."""
