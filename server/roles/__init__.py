"""The server as several processes: what each of them does, and how ingest shares its load."""
