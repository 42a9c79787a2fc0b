"""The server's errors, split by who must act.

ServerError
├── StoreError    the host's administrator: the database cannot be reached, read or written
├── ExportError   whoever exports: the folder cannot be written to, or a library is missing
└── BrokerError   the host's administrator: the broker cannot be started, or spoken to as it is set

What a person wrote wrongly is `wire.errors.ConfigError`, what a peer sent wrongly
`wire.errors.ContractError`.
"""


class ServerError(Exception):
    """Something went wrong on the server."""


class StoreError(ServerError):
    """The database cannot be reached, read or written: look at it, its address and its disk."""


class BrokerError(ServerError):
    """The message broker cannot be started or spoken to: look at its port and certificate."""


class ExportError(ServerError):
    """An export cannot be written: look at its folder and disk, or install what it needs."""
