"""What all benches share: options, the line of figures, and whether the limits were kept."""
