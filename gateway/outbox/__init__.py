"""The outbox: a reading exists once it is in this file, until the server has confirmed it."""

from gateway.outbox.lock import DataDirLock
from gateway.outbox.pending import MEMO
from gateway.outbox.retention import Budget
from gateway.outbox.store import Candidate, Outbox, Pending

__all__ = ["MEMO", "Budget", "Candidate", "DataDirLock", "Outbox", "Pending"]
