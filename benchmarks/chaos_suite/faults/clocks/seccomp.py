"""System calls of a program that are answered from outside: seccomp's user notification.

Sources: seccomp(2), seccomp_unotify(2), linux/seccomp.h, linux/bpf_common.h of Linux 5.0 and later.
"""

import ctypes
import errno
import fcntl
import os
import platform
import struct
from typing import NamedTuple

from deploy.errors import SetupError


class Calls(NamedTuple):
    """Numbers of the system calls that matter here, and the architecture's own (linux/audit.h)."""

    arch: int
    seccomp: int
    adjtimex: int
    clock_adjtime: int
    clock_nanosleep: int


_CALLS = {
    "x86_64": Calls(0xC000003E, 317, 159, 305, 230),
    "aarch64": Calls(0xC00000B7, 277, 171, 266, 115),
}

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _FLAG_NEW_LISTENER = 1, 1 << 3
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_NUMBER_AT, _ARCH_AT = 0, 4  # struct seccomp_data

# struct seccomp_notif, struct seccomp_notif_resp, and the requests that carry them.
_NOTICE = struct.Struct("=QII iIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101


class Notice(NamedTuple):
    """A system call that waits for its answer."""

    id: int
    number: int


def calls() -> Calls:
    """Give the numbers for this machine; raises SetupError for one that is not known."""
    found = _CALLS.get(platform.machine())
    if found is None:
        raise SetupError(f"clocks cannot be set at will on {platform.machine()}")
    return found


def catch() -> int:
    """From now on let others answer what the kernel says of its clock, and short sleeps.

    Gives the file by which they are asked; the kernel closes it when a program is executed. The
    filter stays. Raises SetupError where this is not possible.
    """
    known = calls()
    caught = (known.adjtimex, known.clock_adjtime, known.clock_nanosleep)
    lines = [
        _line(_LOAD_WORD, 0, 0, _ARCH_AT),
        _line(_JUMP_IF_EQUAL, 0, len(caught) + 1, known.arch),
        _line(_LOAD_WORD, 0, 0, _NUMBER_AT),
        *(_line(_JUMP_IF_EQUAL, len(caught) - at, 0, one) for at, one in enumerate(caught)),
        _line(_RETURN, 0, 0, _ALLOW),
        _line(_RETURN, 0, 0, _NOTIFY),
    ]
    code = ctypes.create_string_buffer(b"".join(lines))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    file: int = libc.syscall(known.seccomp, _SET_MODE_FILTER, _FLAG_NEW_LISTENER, program)
    if file < 0:
        reason = os.strerror(ctypes.get_errno())
        raise SetupError(f"this kernel lets nobody answer system calls: {reason}")
    return file


def _line(code: int, if_true: int, if_false: int, value: int) -> bytes:
    """Write one instruction: struct sock_filter."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


def receive(file: int) -> Notice | None:
    """Take a system call that waits; None when it waits no more."""
    buffer = bytearray(_NOTICE.size)
    try:
        fcntl.ioctl(file, _RECEIVE, buffer)
    except OSError as error:
        _check_gone(error)
        return None
    id_, _, _, number, *_ = _NOTICE.unpack(buffer)
    return Notice(id_, number)


def answer(file: int, notice: Notice, error: int = 0) -> None:
    """Let a system call return 0, or fail with `error`, in the kernel's place."""
    try:
        fcntl.ioctl(file, _SEND, _ANSWER.pack(notice.id, 0, -error, 0))
    except OSError as problem:
        _check_gone(problem)


def _check_gone(error: OSError) -> None:
    """Bear that the program was killed or interrupted meanwhile; raise everything else."""
    if error.errno != errno.ENOENT:
        raise error
