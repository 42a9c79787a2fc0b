"""Looking on while a run goes: what gateways kept, and whether they have caught up."""
