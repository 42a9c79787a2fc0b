"""Run by Alembic: hands it the connection, and with it the transaction, of `server.db.migrate`."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # Alembic believes that SQLite cannot; with BEGIN written out (server.db.engine) it can.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
