"""Serial ports and the threads that serve them: one thread a bus."""
