"""The ways by which messages go out, one module each."""
