"""Carried files at the HTTP edge."""
