"""Rules as they are kept, what they are about, and how one would have done."""
