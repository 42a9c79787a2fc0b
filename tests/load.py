"""What a promise about time comes to on a machine that does other work beside."""

import os


def limit_s(seconds: float) -> float:
    """Give the limit on this machine now, in seconds: `seconds` where it has nothing else to do.

    Longer by as much as there is more to run than processors, on average over the last minute.
    """
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
