"""Writes a site's observations and what they mean into a folder of files for other programs."""
