"""How long readers wait for an answer, with ingest and without: the parts of `bin/bench query`."""
