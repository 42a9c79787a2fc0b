"""What operators type: saxaul-server subscribers, notify, preview."""
