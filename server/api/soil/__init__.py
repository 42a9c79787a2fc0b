"""What soils are known, over HTTP."""
