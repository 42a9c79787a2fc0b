"""Many batches at once: what a backlog or a fleet sends is taken in as arrays, not one by one."""
