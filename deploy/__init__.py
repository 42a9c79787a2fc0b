"""What it takes to run Saxaul on a machine: services, units and the demo runner."""
