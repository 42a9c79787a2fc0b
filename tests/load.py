"""What a promise about time comes to on a machine that does other work beside."""

import os

# For so long a machine that runs tests beside one another may not run one of them at all.
STALL_S = 2.0


def limit_s(seconds: float) -> float:
    """Give the limit on this machine now, in seconds: `seconds` where it has nothing else to do.

    Longer by as much as there is more to run than processors, on average over the last minute, which
    does not know yet of what began a moment ago: hence some more beside other tests.
    """
    stall_s = STALL_S if "PYTEST_XDIST_WORKER" in os.environ else 0.0
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)) + stall_s
