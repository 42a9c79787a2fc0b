"""The sensor catalogue as the gateway has it: the bundled models and a technician's own."""
