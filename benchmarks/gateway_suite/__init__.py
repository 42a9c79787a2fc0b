"""A gateway's week in minutes: its own drivers, pollers, sampling and outbox on simulated lines."""
