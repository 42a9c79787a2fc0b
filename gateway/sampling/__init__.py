"""When to read, and what one observation makes of many readings. Time is an argument."""
