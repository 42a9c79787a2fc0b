"""The demo: the whole system on one machine, with simulated sensors on real serial lines."""
