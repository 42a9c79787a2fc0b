"""The README's tour, pasted into a terminal beside a running demo."""

import os
import re
import stat
import subprocess
import sys

import pytest

from deploy.ports import wait_until
from tests.system.conftest import ROOT

pytestmark = pytest.mark.timeout(240)

# A minimal Debian has no curl; the tour needs it only to say what came.
CURL = f"""\
#!{sys.executable}
import sys, urllib.request
address = sys.argv[-1]
if "//" not in address:
    address = "http://" + address
with urllib.request.urlopen(address, timeout=30) as answer:
    sys.stdout.write(answer.read().decode())
"""


def tour():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(r"^## A 60-second tour.*?^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]


def test_every_line_of_the_tour_works_beside_the_demo(demo, tmp_path):
    """The lines as they are, but for the folder and the port, which the demo chose here."""
    run = demo("--days", "2").start().until_open()
    assert wait_until(lambda: len(run.items("/api/v1/latest")) > 20, 60)
    shim = tmp_path / "bin" / "curl"
    shim.parent.mkdir()
    shim.write_text(CURL)
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    lines = tour().replace("demo-data", str(run.folder))
    lines = lines.replace("localhost:8000", f"127.0.0.1:{run.port}")
    lines = lines.replace(". .venv/bin/activate", "")
    path = f"{shim.parent}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", lines],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"ready":true' in done.stdout.splitlines()[-1]
    exported = [file for file in tmp_path.glob("kubuqi-north_*/**/*.csv") if file.stat().st_size]
    assert exported, done.stdout + done.stderr
    assert re.search(r'"n":\[.*[1-9]', done.stdout), "the series has points"
