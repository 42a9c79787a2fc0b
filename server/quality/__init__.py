"""Pure checks on arrays: what an observation's value and time say about its quality."""
