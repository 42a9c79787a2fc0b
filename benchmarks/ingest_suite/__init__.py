"""How many readings a second go from MQTT into the database: the parts of `bin/bench ingest`."""
