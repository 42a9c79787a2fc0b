"""The physics behind the simulated site: chance, weather, soil water and moving sand. No I/O."""
