"""The errors of the contract, split by who must act."""


class ContractError(Exception):
    """The peer sent something that the contract does not allow."""


class ConfigError(Exception):
    """A file that a person wrote cannot be used as it stands."""

    def __init__(self, source: str, message: str, line: int | None = None) -> None:
        """Name the file, the line where it is known, and what to do about it."""
        where = source if line is None else f"{source}:{line}"
        super().__init__(f"{where}: {message}")
        self.source = source
        self.line = line
