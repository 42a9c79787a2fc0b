"""Hourly and daily rollups: marked where observations change, worked off in the background."""
