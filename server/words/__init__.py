"""What people are told, in their language: messages, letters, feeds. Pure but for its own files."""
