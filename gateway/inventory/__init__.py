"""What is attached to this gateway, as the server is told it."""

from gateway.inventory.book import INVENTORY, Identity, InventoryBook
from gateway.inventory.composing import compose

__all__ = ["INVENTORY", "Identity", "InventoryBook", "compose"]
