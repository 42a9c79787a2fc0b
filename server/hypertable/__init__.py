"""How observations lie in the database in the long run: chunks, columnstore, retention."""
