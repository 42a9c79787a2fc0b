"""The schema's history, oldest first; the same steps run on SQLite and on PostgreSQL."""
