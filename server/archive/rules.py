"""Which entries of the journal are never packed or removed."""

from sqlalchemy import and_

from server.db.tables import journal

# What waits for its inventory is stored nowhere else.
SETTLED = ("stored", "refused")
# Without the inventories of its time no batch can be understood; they are few.
IN_FORCE = and_(journal.c.topic.endswith("/inventory"), journal.c.status == "stored")
