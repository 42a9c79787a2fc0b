"""How large answers go out: tagged, so that they need not be sent twice, and compressed."""
