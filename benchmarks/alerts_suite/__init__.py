"""What warnings cost, and how soon and how often they are told."""
