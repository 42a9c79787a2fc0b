"""Which tests go to the same worker, one after the other; all others go wherever there is room.

A table, since pytest-xdist 3.8 does not see its own marks `xdist_group` with pytest 9.
"""

from collections.abc import Mapping

from xdist.scheduler import LoadScopeScheduling

# Group by module, or by folder where the name ends with a slash.
TOGETHER: Mapping[str, str] = {
    # Each run wants a machine to itself.
    "tests/chaos/test_runs.py": "chaos",
    "tests/chaos/points/test_points_run.py": "chaos",
    "tests/chaos/recovery/test_recoveries.py": "chaos",
    # All modules of the project are parsed once, and all ports of a simulator scanned once.
    "tests/test_house_style.py": "house style",
    "tests/gateway/scan/": "scan",
    # One Chromium for each.
    "tests/gateway/page/test_browser.py": "page of a gateway",
    "tests/server/web/test_browser.py": "live page",
    "tests/server/web/test_carry.py": "carry",
    "tests/server/web/test_push.py": "push",
    "tests/server/web/alerts/": "alerts",
}


def group_of(nodeid: str) -> str:
    """Name the group of a test; of most it is the test itself."""
    path = nodeid.partition("::")[0]
    if path in TOGETHER:
        return TOGETHER[path]
    folders = (one for one in TOGETHER if one.endswith("/") and path.startswith(one))
    return next((TOGETHER[one] for one in folders), nodeid)


class Groups(LoadScopeScheduling):
    """Gives tests to workers by group."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
