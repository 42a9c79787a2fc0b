"""After the faults: how fast a week's backlog comes in, what it costs others, and in memory."""
