"""How many bytes a reading takes where it is kept: the parts of `bin/bench storage`."""
