"""What `bin/bench chaos` is made of: each part gives results, which `summary` adds up."""
