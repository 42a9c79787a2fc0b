"""What strace writes, read back: lines as strace 6.1 wrote them, paths shortened."""

import pytest

from benchmarks.chaos_suite.power_cut.operations import (
    Create,
    Extend,
    Remove,
    Rename,
    Sync,
    SyncFolder,
    Told,
    Truncate,
    Write,
)
from benchmarks.chaos_suite.power_cut.trace import TraceError, read


def hexed(text):
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


DB = hexed("/d/o.db")
FOLDER = hexed("/d")
MADE = f'42 openat(AT_FDCWD<{hexed("/")}>, "{DB}", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3<{DB}>\n'


def operations(*lines):
    return list(read(lines, "/d", "/told"))


def test_an_opening_makes_a_file_only_once():
    assert operations(MADE, MADE) == [Create("o.db")]


def test_a_file_that_is_gone_is_made_anew():
    gone = f'42 unlink("{DB}") = 0\n'

    assert operations(MADE, gone, MADE) == [Create("o.db"), Remove("o.db"), Create("o.db")]


def test_an_opening_can_empty_a_file():
    emptied = f'openat(AT_FDCWD<\\x2f>, "{DB}", O_WRONLY|O_TRUNC) = 3<{DB}>\n'

    assert operations(emptied) == [Truncate("o.db", 0)]


def test_writes_have_offset_and_bytes_and_only_those_that_were_taken():
    line = f'pwrite64(3<{DB}>, "\\x2c\\x20\\x22\\x29", 4, 8192) = 3\n'

    assert operations(line) == [Write("o.db", 8192, b', "')]


def test_sizes_and_syncs():
    lines = (
        f"ftruncate(3<{DB}>, 0) = 0\n",
        f"fallocate(3<{DB}>, 0, 10, 90) = 0\n",
        f"fdatasync(3<{DB}>) = 0\n",
        f"fsync(3<{DB}>)                       = 0\n",
        f"fdatasync(5<{FOLDER}>) = 0\n",
    )

    assert operations(*lines) == [
        Truncate("o.db", 0),
        Extend("o.db", 100),
        Sync("o.db"),
        Sync("o.db"),
        SyncFolder(),
    ]


@pytest.mark.parametrize(
    "call",
    [
        f'rename("{DB}", "{hexed("/d/old.db")}") = 0\n',
        f'renameat2(AT_FDCWD<\\x2f>, "{DB}", AT_FDCWD<\\x2f>, "{hexed("/d/old.db")}", 0) = 0\n',
    ],
)
def test_a_renamed_file_is_no_new_one_under_its_name(call):
    reopened = MADE.replace(DB, hexed("/d/old.db"))

    assert operations(MADE, call, reopened) == [Create("o.db"), Rename("o.db", "old.db")]


def test_what_the_program_told_stands_between_what_it_did():
    told = f'write(4<{hexed("/told")}>, "{hexed("now")}", 3) = 3\n'

    assert operations(MADE, told) == [Create("o.db"), Told("now")]


def test_what_failed_and_what_is_elsewhere_did_nothing():
    lines = (
        f'unlink("{DB}") = -1 ENOENT (No such file or directory)\n',
        f'pwrite64(3<{hexed("/e/o.db")}>, "\\x41", 1, 0) = 1\n',
        f'pwrite64(3<{DB}\\x2d\\x73\\x68\\x6d>, "\\x41", 1, 0) = 1\n',
        "+++ exited with 9 +++\n",
        "--- SIGCHLD {si_signo=SIGCHLD} ---\n",
    )

    assert operations(*lines) == []


@pytest.mark.parametrize(
    "line",
    [
        f'write(3<{DB}>, "\\x41", 1) = 1\n',
        f"sendfile(3<{DB}>, 4<{DB}>, NULL, 10) = 10\n",
        f"fallocate(3<{DB}>, FALLOC_FL_PUNCH_HOLE, 0, 10) = 0\n",
        f'link("{DB}", "{hexed("/d/other")}") = 0\n',
        f'rename("{DB}", "{hexed("/e/other")}") = 0\n',
        f'pwrite64(3<{DB}>, "\\x41"..., 9, 0) = 9\n',
        f"42 fdatasync(3<{DB}> <unfinished ...>\n",
    ],
)
def test_what_it_does_not_understand_it_does_not_pass_over(line):
    with pytest.raises(TraceError):
        operations(line)
