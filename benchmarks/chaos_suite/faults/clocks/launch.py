"""Runs a command whose questions about the clock are answered by someone at a socket.

`python -m benchmarks.chaos_suite.faults.clocks.launch SOCKET COMMAND ...`: the process becomes the
command.
"""

import os
import socket
import sys

from benchmarks.chaos_suite.faults.clocks.seccomp import catch


def main() -> None:
    """Hand the file over and become the command."""
    address, *command = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(address)
        socket.send_fds(link, [b"\0"], [catch()])
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
