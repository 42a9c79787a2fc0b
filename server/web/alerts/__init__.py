"""Pages of warnings: what is active, each with its evidence, the rules, and subscribing."""
