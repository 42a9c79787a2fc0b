"""Reads what is asked for over long ranges, within a time that is set, as arrays."""
