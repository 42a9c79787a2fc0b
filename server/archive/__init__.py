"""The journal's old payloads: packed into blocks, read back as they came, removed when too old."""
