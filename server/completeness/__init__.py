"""How much of what was to be expected of each datastream is there: from the rollups, kept."""
