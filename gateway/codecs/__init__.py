"""Bytes and frames: pure, with bounded buffers, without clock or port. Only FrameError escapes.

A sensor that answers properly, but with an error, raises SensorError where its module says so.
"""
