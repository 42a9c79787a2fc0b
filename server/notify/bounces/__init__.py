"""Mail that comes back: reports of mail servers read, and what they mean for who was written to."""
