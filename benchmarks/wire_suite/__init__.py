"""The same readings as ours and as the peers' payloads, counted and read back."""
