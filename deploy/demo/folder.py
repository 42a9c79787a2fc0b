"""The demo's data folder: ours alone, and emptied only if we made it."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import SetupError

_MARK = ".saxaul-demo"


@contextmanager
def claim(folder: Path, *, keep: bool) -> Iterator[None]:
    """Hold the folder while the demo runs; fresh unless `keep`.

    Raises SetupError when another demo runs in it, or when it holds what is not ours to delete.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise SetupError(
            f"{folder} was not made by the demo and is not empty: name another folder with --data"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark = (folder / _MARK).open("a")
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be used: {error.strerror}; name another folder with --data"
        ) from None
    with mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupError(
                f"a demo already runs in {folder}: stop it, or name another folder with --data"
            ) from None
        if not keep:
            _empty(folder)
        yield


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _MARK:
            path.unlink()
