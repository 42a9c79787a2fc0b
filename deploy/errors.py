"""The error of this folder: something about this machine that a person can mend."""


class SetupError(Exception):
    """Something is missing on this machine, or in the way: says what, where and the remedy."""
