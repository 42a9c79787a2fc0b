"""Setting up one sensor from the workbench: what it offers, and its address."""
