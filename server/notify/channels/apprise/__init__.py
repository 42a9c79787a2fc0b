"""What Apprise speaks beside our own channels: some 170 services, each by an address of its own."""
