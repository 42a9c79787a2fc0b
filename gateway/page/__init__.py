"""The technician's local page: what the sensors say now, and whether one may leave.

Served by the gateway itself, without a network and without assets from elsewhere.
"""
