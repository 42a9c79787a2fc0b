"""The database: tables, engine, migrations. Knows nothing of what the rows mean."""
