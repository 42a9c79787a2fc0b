"""Pages on which people say what soil a site or a station is of, and see what follows."""
