"""From soil that dries to a mail, with all programs: simulator, gateway, broker, server, mail server."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from deploy.ports import free_port, wait_until
from firmware_sim.devices import assemble
from firmware_sim.devices.base import Setup
from firmware_sim.host import Host, PortPlan
from firmware_sim.world import Conditions, Soil
from tests.load import limit_s
from tests.server.notify.mailbox import MailServer, text_of
from wire.catalogue import bundled

ROOT = Path(__file__).parent.parent.parent
MODEL = "METER TEROS 12"
WET, DRY = 0.25, 0.03
DAY_MS = 86_400_000
RULE = """
[[rule]]
key = "dune-dry"
kind = "dry_soil"
unit = "m3/m3"
on_delay = "1 s"
off_delay = "1 s"
min_share = 0
silence = "2 h"
[rule.scope]
thing = "dune-1"
property = "vwc"
[[rule.level]]
severity = "warning"
below = 0.08
leave = 0.1
"""
SERVER = """
[database]
url = "sqlite:///{folder}/saxaul.db"
[http]
port = {http}
[mqtt]
port = {mqtt}
[notify]
base_url = "https://saxaul.example"
smtp_host = "127.0.0.1"
smtp_port = {smtp}
smtp_tls = "none"
sender = "warnings@saxaul.example"
"""
GATEWAY = """
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
data_dir = "{folder}/gateway"
[clock]
trust = "assume"
[uplink]
port = {mqtt}
batch_every_s = 1
[[thing]]
id = "dune-1"
name = "Dune 1"
lat = 40.6
lon = 108.9
[[bus]]
id = "sdi"
port = "{folder}/sdi"
protocol = "sdi12"
  [[bus.sensor]]
  id = "soil"
  thing = "dune-1"
  model = "METER TEROS 12"
  address = "1"
  depth_m = 0.3
  interval_s = 1
"""


class Ground:
    """Soil that is as wet as is said."""

    water = WET

    def conditions(self, time_s, spot=""):
        return Conditions()

    def soil(self, time_s, depth_m, spot=""):
        return Soil(self.water, 18.0, 100.0)


class Chain:
    """All programs, each as its own process, and the simulated instrument."""

    def __init__(self, folder):
        self.folder = folder
        self.mails = MailServer().start()
        self.ground = Ground()
        setup = Setup("dune-1/soil", bundled()[MODEL], self.ground, address="1", depth_m=0.3)
        line = assemble(bundled()[MODEL].protocol, [setup])
        plan = PortPlan("sdi", line.bus, 9600, folder / "sdi")
        self.host = Host([plan], time.time, lambda *_: None, lambda: None)
        self.running = []
        ports = {"http": free_port(), "mqtt": free_port(), "smtp": self.mails.port}
        (folder / "server.toml").write_text(SERVER.format(folder=folder, **ports))
        (folder / "gateway.toml").write_text(GATEWAY.format(folder=folder, **ports))
        (folder / "rules.toml").write_text(RULE)

    def start(self):
        own = ["--config", self.folder / "server.toml"]
        self.host.start()
        self.launch("saxaul-server", "run", *own)
        self.start_gateway()
        assert wait_until(lambda: self.count("SELECT count(*) FROM latest"), 60), self.said()
        self.run("saxaul-server", "alerts", "add", self.folder / "rules.toml", *own)
        people = ["subscribers", "add", *own]
        self.run("saxaul-server", *people, "aygul@example.org", "--language", "mn")

    def start_gateway(self):
        self.launch("saxaul-gateway", "run", "--config", self.folder / "gateway.toml")

    def stop_gateway(self):
        gateway = self.running.pop()
        gateway.terminate()
        gateway.wait(30)

    def run(self, name, *arguments):
        done = subprocess.run(
            program(name, *arguments), capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr

    def launch(self, name, *arguments):
        out = (self.folder / f"{name}.said").open("wb")
        self.running.append(
            subprocess.Popen(
                program(name, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=ROOT,
            )
        )
        out.close()

    def query(self, sql):
        with closing(sqlite3.connect(self.folder / "saxaul.db", timeout=10)) as db:
            return db.execute(sql).fetchall()

    def count(self, sql):
        """Count; nothing while the server makes its tables."""
        try:
            ((count,),) = self.query(sql)
        except sqlite3.OperationalError:
            return 0
        return count

    def said(self):
        return "\n".join(one.read_text() for one in sorted(self.folder.glob("*.said")))

    def stop(self):
        for one in reversed(self.running):
            one.terminate()
        for one in self.running:
            one.wait(30)
        self.mails.stop()
        self.host.stop()


def program(name, *arguments):
    return [str(Path(sys.executable).with_name(name)), *map(str, arguments)]


@pytest.fixture
def chain(tmp_path):
    made = Chain(tmp_path)
    yield made
    made.stop()


WATCHES = "SELECT count(*) FROM alert_watch w JOIN alert_rule r ON r.id = w.rule_id WHERE r.key = 'dune-dry'"
# From the commit of what was judged to what the mail server took, in ms.
TAKEN_MS = """
SELECT m.sent_at - t.recorded_at FROM message m
JOIN alert_notice n ON n.id = m.notice_id JOIN alert_transition t ON t.id = n.transition_id
"""
LATE = """
SELECT count(*) FROM alert_transition WHERE recorded_at - at > 86400000 AND superseded_at IS NULL
"""
# What is still to be judged anew, or to be made messages of.
BEHIND = """
SELECT (SELECT count(*) FROM alert_watch WHERE refold_from IS NOT NULL AND retired_at IS NULL)
  + (SELECT count(*) FROM alert_notice WHERE expanded_at IS NULL)
"""


def history(days):
    """Past answers of the sensor: a week wet, a week dry, each hour, until yesterday."""
    now_ms = int(time.time() * 1000)
    first_ms = now_ms - now_ms % 3_600_000 - days * DAY_MS
    lines = ["time_ms,datastream,value,reason"]
    for at in range((days - 1) * 24):
        is_dry = at // 168 % 2
        raw = "1850.0" if is_dry else "2700.0"
        lines.append(f"{first_ms + at * 3_600_000},dune-1/soil/vwc_raw,{raw},")
    return "\n".join(lines) + "\n"


def test_soil_dries_one_mail_rain_comes_one_more_and_a_backlog_makes_none(chain):
    """In the subscriber's language, within 2 s of the sample's commit; sixty days late: none."""
    chain.start()
    assert wait_until(lambda: chain.count(WATCHES), 40), chain.said()
    welcome = chain.mails.await_mails(1)[0]
    assert welcome["To"] == "aygul@example.org"

    chain.ground.water = DRY
    dried = chain.mails.await_mails(2, 40)[1]
    assert dried["Content-Language"] == "mn"
    assert "Dune 1" in text_of(dried)
    assert "https://saxaul.example/a/" in dried["List-Unsubscribe"]

    chain.ground.water = WET
    rained = chain.mails.await_mails(3, 40)[2]
    assert rained["Message-ID"] != dried["Message-ID"]
    assert text_of(rained) != text_of(dried)

    (chain.folder / "past.csv").write_text(history(60))
    config = chain.folder / "gateway.toml"
    chain.stop_gateway()
    chain.run("saxaul-gateway", "backfill", "--config", config, chain.folder / "past.csv")
    chain.start_gateway()
    assert wait_until(lambda: chain.count(LATE) >= 8, 60), chain.said()
    assert wait_until(lambda: not chain.count(BEHIND), 40), chain.said()
    assert chain.count("SELECT count(*) FROM alert_notice WHERE mode = 'immediate'") == 2
    assert len(chain.mails.mails) == 3

    taken_ms = [ms for (ms,) in chain.query(TAKEN_MS)]
    assert len(taken_ms) == 2
    assert max(taken_ms) <= 1000 * limit_s(2)
