"""How fast rollups are computed, and what their marks cost: the parts of `bin/bench rollup`."""
