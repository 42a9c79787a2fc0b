"""How many connections this machine lets one process hold."""

import resource

# What a process has open besides: libraries, logs, the database.
_OTHERS = 100


def connections() -> int:
    """Raise the limit of open files as far as allowed; tells how many connections that makes.

    The broker inherits it: each connection takes a descriptor there and one in the fleet.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - _OTHERS
