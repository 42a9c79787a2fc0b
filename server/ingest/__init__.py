"""From the broker to the database, and the receipt back: one message, one entry, one savepoint."""
