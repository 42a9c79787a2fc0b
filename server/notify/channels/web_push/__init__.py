"""Web Push (RFC 8030): messages to browsers of people who asked for them on their own device."""
