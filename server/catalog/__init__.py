"""The catalog: gateways, sites, things, instruments and datastreams, as the inventories tell."""
