"""How large a fleet of gateways one machine serves: the parts of `bin/bench fleet`."""
