"""What other programs read: CAP 1.2 and Atom. Pure: text in, bytes out."""
