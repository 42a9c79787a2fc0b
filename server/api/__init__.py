"""The HTTP edge: REST resources, the event stream, health, and what they look like in OpenAPI."""
