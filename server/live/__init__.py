"""Live updates: a hub between ingest and the browsers, and the event stream they read."""
