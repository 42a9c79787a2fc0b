"""What is done for watches in the background: late data, hours, silence, gateways, reminders."""
