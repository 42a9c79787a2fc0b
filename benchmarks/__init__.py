"""One script a question; each prints one JSON line when asked with --json."""
