"""`saxaul-gateway export`: what lies on the stick afterwards, and what is said of it."""

import errno
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest

from gateway import cli
from gateway.carry import files
from gateway.clock import Clock
from gateway.outbox import DataDirLock, Outbox
from gateway.readings import Observation
from wire import messages
from wire.carry import Damage, Manifest, Reader
from wire.messages import Inventory, Refusal, Status

NAME = "dune-1/soil-10cm/vwc_raw"
GATEWAY = "kubuqi-dune"


@pytest.fixture
def data(tmp_path):
    """The data folder that gateway.toml names."""
    return tmp_path / "data"


@pytest.fixture
def stick(tmp_path):
    folder = tmp_path / "usb"
    folder.mkdir()
    return folder


@pytest.fixture
def opened(config_of, data):
    """This gateway's outbox."""
    config_of()
    data.mkdir()
    with Outbox(data, Clock("assume"), 60) as outbox:
        yield outbox


@pytest.fixture
def sealed(opened):
    """Five batches of one reading each: 1 stored, 2 refused, 3 to 5 not confirmed. And closed."""
    fill(opened, 5)
    opened.confirm([(1, 1)])
    opened.refuse([Refusal(seq=2, reason="unknown unit")])
    opened.count_dropped(6)
    opened.close()
    return opened


def fill(outbox, count):
    clock = Clock("assume")
    for number in range(count):
        outbox.append([Observation(NAME, clock.mono_ms() + number, Decimal(2000 + number))])
        outbox.seal()


@pytest.fixture
def export(stick, capsys):
    """Export to the stick; gives exit code, what was said, and what was complained of."""

    def run(*arguments, to=stick):
        code = cli.main(["export", "--to", str(to), *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def own(export, tmp_path):
    return lambda *more, **to: export("--config", tmp_path / "gateway.toml", *more, **to)


def carried(stick):
    """What the only file on a stick holds: its manifest, and members by topic."""
    (path,) = stick.glob("*.zip")
    with path.open("rb") as stream:
        reader = Reader(stream)
        found = list(reader)
        assert not [one for one in found if isinstance(one, Damage)]
        return reader.manifest, {one.topic.split("/", 3)[3]: one.payload for one in found}


def payloads(data):
    with sqlite3.connect(data / "outbox.db") as db:
        found = dict(db.execute("SELECT seq, body FROM payload"))
    db.close()
    return found


def states(data):
    with sqlite3.connect(data / "outbox.db") as db:
        found = dict(db.execute("SELECT seq, state FROM batch"))
    db.close()
    return found


def test_what_is_not_confirmed_lies_on_the_stick_byte_for_byte(sealed, own, stick, data):
    code, out, err = own()
    manifest, found = carried(stick)

    assert (code, err) == (0, "")
    assert (manifest.gateway, manifest.epoch, manifest.ranges) == (GATEWAY, sealed.epoch, [(3, 5)])
    kept = payloads(data)
    for seq in (3, 4, 5):
        assert found[f"batch/{sealed.epoch}/{seq}"] == kept[seq]
    assert set(found) == {"inventory", "status"} | {f"batch/{sealed.epoch}/{n}" for n in (3, 4, 5)}
    assert f"3 batches of {GATEWAY} are in {stick}. It is safe to remove now." in out


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("METER TEROS 12", "METER TEROS 120"),
        ("[clock]", '[uplink]\nhost = "broker.example"\n[clock]'),
        ("[clock]", '[page]\nlisen = "127.0.0.1:8080"\n[clock]'),
        ('trust = "assume"', 'trust = "blindly"'),
    ],
    ids=["sensor", "uplink", "unknown key", "clock"],
)
def test_a_fault_in_the_settings_keeps_nothing_from_being_exported(
    sealed, own, stick, tmp_path, good, bad
):
    """It is told; what is attached goes along as it was when the gateway ran."""
    path = tmp_path / "gateway.toml"
    text = re.sub(r"\[uplink\][^\[]*", "", path.read_text())
    assert good in text
    path.write_text(text.replace(good, bad))

    code, out, err = own()

    assert (code, err) == (0, "")
    assert f"3 batches of {GATEWAY} are in {stick}. It is safe to remove now." in out
    assert f"{path}:" in out
    assert carried(stick)[0].gateway == GATEWAY


def test_settings_that_do_not_say_whose_they_are_are_refused(sealed, own, tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(path.read_text().replace('id = "kubuqi-dune"', "id = 7"))

    code, _, err = own()

    assert (code, "id: Expected `str`" in err) == (2, True)


def test_inventory_and_status_go_along(sealed, own, stick):
    own()
    manifest, found = carried(stick)

    inventory = messages.decode(found["inventory"], Inventory)
    status = messages.decode(found["status"], Status)
    assert (inventory.rev, inventory.gateway.id) == (1, GATEWAY)
    assert NAME in [one.name for one in inventory.datastreams]
    (figures,) = status.outbox
    assert (status.state, figures.epoch) == ("offline", sealed.epoch)
    assert (figures.sealed, figures.unconfirmed, figures.refused) == (5, 3, 1)
    assert figures.dropped == 6
    assert manifest.inventory_at == manifest.exported_at == status.at


def test_exporting_confirms_nothing(sealed, own, data):
    before = states(data)

    own()

    assert (
        states(data)
        == before
        == {1: "stored", 2: "refused"} | dict.fromkeys((3, 4, 5), "unconfirmed")
    )


def test_all_takes_what_is_confirmed_or_refused_too(sealed, own, stick):
    own("--all")

    assert carried(stick)[0].ranges == [(1, 5)]


def test_since_takes_what_was_measured_from_then_on(opened, own, stick, hand):
    for day in (1, 2, 3):
        at = 1_767_225_600_000 + day * 86_400_000  # 2 to 4 January 2026
        with opened._transaction() as db:
            db.execute(
                "INSERT INTO pending (boot, mono_ms, wall_ms, clock, datastream, value, flag, reason)"
                " VALUES ('', 0, ?, 'ntp', ?, '1', 1, '')",
                (at, NAME),
            )
        opened.seal()
    opened.confirm([(2, 3)])
    opened.close()

    own("--since", "2026-01-03")

    assert carried(stick)[0].ranges == [(2, 3)]


def test_without_a_running_gateway_what_waits_is_sealed_first(opened, own, stick):
    opened.append([Observation(NAME, Clock("assume").mono_ms(), Decimal(1))])
    opened.close()

    _, out, _ = own()

    assert carried(stick)[0].ranges == [(1, 1)]
    assert "Left out" not in out


def test_beside_a_gateway_that_does_not_seal_what_is_pending_is_left_out_and_said(
    opened, own, stick, data, monkeypatch
):
    monkeypatch.setattr("gateway.carry.export._PATIENCE_S", 0.2)
    fill(opened, 2)
    opened.append([Observation(NAME, Clock("assume").mono_ms(), Decimal(1))] * 2)

    with DataDirLock(data):
        code, out, _ = own()

    assert code == 0
    assert carried(stick)[0].ranges == [(1, 2)]
    assert "Left out: 2 observations that are in no batch yet: the running gateway did not" in out
    assert f"process {os.getpid()} is using this data folder" in out


def test_an_outbox_without_anything_to_carry_makes_no_file(opened, own, stick):
    fill(opened, 1)
    opened.confirm([(1, 1)])

    code, out, _ = own()

    assert (code, list(stick.iterdir())) == (0, [])
    assert "Nothing of kubuqi-dune waits for the server" in out


def test_a_second_export_takes_the_place_of_the_first(sealed, own, stick):
    own()
    own()

    assert len(list(stick.iterdir())) == 1


def test_a_file_that_holds_more_is_never_replaced(sealed, own, stick, data):
    """By name they are the same: from 1 to 5. The second lacks what was confirmed meanwhile."""
    own("--all")
    with sqlite3.connect(data / "outbox.db") as db:
        db.execute("UPDATE batch SET state = 'stored' WHERE seq IN (2, 3)")
        db.execute("UPDATE batch SET state = 'unconfirmed' WHERE seq = 1")
    db.close()

    own()

    names = sorted(one.name for one in stick.iterdir())
    assert [name.rpartition(sealed.epoch)[2] for name in names] == ["-1-5-2.zip", "-1-5.zip"]


def test_a_large_outbox_goes_into_several_files(sealed, own, stick, monkeypatch):
    monkeypatch.setattr("gateway.carry.source.MAX_BATCHES", 2)

    _, out, _ = own()

    names = sorted(one.name.rpartition(sealed.epoch)[2] for one in stick.iterdir())
    assert names == ["-3-4.zip", "-5-5.zip"]
    assert "3 batches of kubuqi-dune" in out


def test_a_file_is_closed_before_it_is_too_large_for_fat32(sealed, own, stick, monkeypatch):
    monkeypatch.setattr("gateway.carry.source.MAX_FILE_BYTES", 400)

    own()

    assert len(list(stick.iterdir())) == 3


def test_the_card_of_another_gateway_is_read_without_its_configuration(sealed, own, export, data):
    own()  # keeps the inventory in the outbox, as a connection does
    shutil.move(data, data.with_name("card"))

    code, out, _ = export("--data-dir", data.with_name("card"))

    assert code == 0
    assert "3 batches of kubuqi-dune" in out


def test_the_inventory_of_another_card_is_as_old_as_its_newest_reading(
    sealed, own, export, stick, data
):
    own()
    with sqlite3.connect(data / "outbox.db") as db:
        db.execute("UPDATE batch SET last_ms = 1767225600000 + seq")
    db.close()

    export("--data-dir", data)

    assert carried(stick)[0].inventory_at == 1_767_225_600_005
    assert messages.decode(carried(stick)[1]["status"], Status).at == 1_767_225_600_005


def test_a_card_that_does_not_say_whose_it_is_asks(sealed, export, data, stick):
    code, _, err = export("--data-dir", data)
    assert code == 2
    assert "add --gateway ID" in err

    code, out, _ = export("--data-dir", data, "--gateway", GATEWAY)
    assert code == 0
    assert "Nobody knows what is attached to this gateway" in out
    assert "inventory" not in carried(stick)[1]


def test_a_card_that_says_otherwise_than_named_is_refused(sealed, own, export, data):
    own()

    code, _, err = export("--data-dir", data, "--gateway", "other")

    assert code == 2
    assert "it is of gateway 'kubuqi-dune', not of 'other'" in err


@pytest.fixture
def read_only():
    """Call something without the right to write into a folder, also as root."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))

    def call(folder, work):
        shutil.copytree(folder, made / "card")
        for path in (made / "card").iterdir():
            path.chmod(0o444)
        (made / "card").chmod(0o555)
        made.chmod(0o755)
        user = os.geteuid()
        os.seteuid(65534 if user == 0 else user)
        try:
            return work(made / "card")
        finally:
            os.seteuid(user)

    yield call
    (made / "card").chmod(0o755)
    shutil.rmtree(made)


def test_a_disk_that_takes_no_wish_does_not_hinder_the_export(
    opened, own, stick, data, monkeypatch
):
    """That of a gateway which runs: what its batches hold can be carried all the same."""
    fill(opened, 1)
    opened.append([Observation(NAME, Clock("assume").mono_ms(), Decimal(1))])

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "touch", full)
    with DataDirLock(data):
        code, out, err = own()

    assert (code, err) == (0, "")
    assert "Left out: 1 observations that are in no batch yet" in out
    assert "No space left on device" in out
    assert carried(stick)[0].ranges == [(1, 1)]


@pytest.mark.parametrize("pulled", [True, False], ids=["from-a-dead-machine", "stopped-well"])
def test_a_card_mounted_read_only_is_read_and_left_as_it_is(opened, read_only, data, pulled):
    """With a log that was not folded in and no index of it, and without any log."""
    fill(opened, 3)
    opened.append([Observation(NAME, Clock("assume").mono_ms(), Decimal(1))])
    if not pulled:
        opened.close()
    card = data.with_name("card")
    shutil.copytree(data, card, ignore=shutil.ignore_patterns("*-shm"))

    from gateway.carry import export as carry
    from gateway.carry.source import Choice, open_source

    def look(folder):
        left_out = carry.seal_waiting(folder, None, Clock("assume"), 60)
        with open_source(folder) as source:
            return left_out, [one.seq for one in source.entries(Choice())], source.pending()

    left_out, seqs, pending = read_only(card, look)

    assert "mount its card writable" in left_out
    assert (seqs, pending) == ([1, 2, 3], 1)


def test_a_damaged_outbox_that_was_set_aside_yields_what_is_readable(sealed, export, stick, data):
    aside = data / "outbox.damaged-20260101T000000Z.db"
    shutil.move(data / "outbox.db", aside)
    with sqlite3.connect(aside) as db:
        db.execute("UPDATE payload SET body = zeroblob(40) WHERE seq = 4")
    db.close()

    code, _, err = export("--file", aside, "--gateway", GATEWAY)

    assert (code, err) == (0, "")
    manifest, found = carried(stick)
    assert (manifest.epoch, manifest.ranges) == (sealed.epoch, [(3, 3), (5, 5)])
    assert "status" not in found


def test_a_damaged_page_leaves_the_rest_of_a_file_set_aside(opened, export, stick, data):
    """A page in the middle of the payloads is overwritten; SQLite stops reading there."""
    fill(opened, 300)
    opened.close()
    aside = data / "outbox.damaged-20260101T000000Z.db"
    shutil.move(data / "outbox.db", aside)
    raw = bytearray(aside.read_bytes())
    pages = [at for at in range(0, len(raw), 4096) if raw.count(b"x\xf9", at, at + 4096) > 10]
    at = pages[len(pages) // 2]
    raw[at : at + 4096] = b"\xff" * 4096
    aside.write_bytes(raw)

    code, _, err = export("--file", aside, "--gateway", GATEWAY, "--all")

    assert (code, err) == (0, "")
    assert 200 < carried(stick)[0].batches < 300


def test_a_file_that_is_no_outbox_is_refused(export, tmp_path, config_of):
    config_of()
    code, _, err = export("--file", tmp_path / "gateway.toml", "--gateway", GATEWAY)

    assert code == 2
    assert "no outbox can be made out in it" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data-dir", "nowhere"], "no outbox is there"),
        (["--file", "nowhere.db"], "there is no such file"),
        (["--data-dir", "x", "--file", "y"], "give one of them"),
        (["--data-dir", "nowhere", "--since", "yesterday"], "'yesterday' is no date"),
        (["--config", "nowhere.toml"], "cannot be read"),
    ],
)
def test_what_a_person_can_mend_is_one_line(export, arguments, said):
    code, out, err = export(*arguments)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_stick_that_is_not_mounted_is_no_folder_and_none_is_made(sealed, own, tmp_path):
    code, _, err = own(to=tmp_path / "media")

    assert code == 2
    assert "plug the stick in, mount it" in err
    assert not (tmp_path / "media").exists()


def test_a_stick_on_the_outboxs_own_disk_is_pointed_at(sealed, own):
    assert "is the stick mounted?" in own()[1]


MOUNT = (
    'mount -t tmpfs -o size=512k tmpfs "$1" && head -c 400000 /dev/zero > "$1/holiday.jpg"'
    ' && { shift; "$@"; echo $?; ls "$0"; }'
)


def namespace():
    """A command that gives what follows mounts of its own; None where the system lets nobody."""
    for own in (["unshare", "-m"], ["unshare", "-r", "-m"]):
        trial = [*own, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if subprocess.run(trial, check=False, capture_output=True).returncode == 0:
            return own
    return None


def test_a_stick_without_room_is_found_before_anything_is_written(opened, stick, tmp_path):
    fill(opened, 3)
    opened.close()
    if (own := namespace()) is None:
        pytest.skip("neither root nor a user namespace: no small disk can be made")
    config = str(tmp_path / "gateway.toml")
    program = [sys.executable, "-m", "gateway", "export", "--config", config, "--to", str(stick)]
    done = subprocess.run(
        [*own, "sh", "-c", MOUNT, str(stick), str(stick), *program],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "0.3 MB are needed and 0.1 MB are free; make room" in done.stderr
    assert done.stdout.split() == ["2", "holiday.jpg"]


def test_what_the_stick_did_not_keep_is_never_called_safe(sealed, own, stick, monkeypatch):
    """A stick that gives back other bytes than it was given."""
    verify = files._verify

    def worn(path, *more):
        raw = bytearray(path.read_bytes())
        raw[raw.index(b"batch/") + 60] ^= 1
        path.write_bytes(raw)
        return verify(path, *more)

    monkeypatch.setattr(files, "_verify", worn)

    code, out, err = own()

    assert code == 2
    assert "safe" not in out
    assert "what was read back is not what was written" in err


@pytest.mark.parametrize("cut", [1, 200, 2000])
def test_a_file_of_which_the_end_is_missing_is_not_whole(sealed, own, stick, cut):
    own()
    (path,) = stick.iterdir()
    raw = path.read_bytes()
    with path.open("rb") as stream:
        manifest = Reader(stream).manifest
    path.write_bytes(raw[:-cut])
    entries = [files.Entry(seq, 0) for seq in (3, 4, 5)]

    with pytest.raises(files.CarryError):
        files._verify(path, manifest, entries)


def test_a_damaged_file_of_the_same_name_is_kept(tmp_path):
    manifest = Manifest(
        format="saxaul-carry",
        version=1,
        gateway=GATEWAY,
        epoch="00c0ffee",
        ranges=[(1, 2)],
        exported_at=0,
        inventory_at=0,
    )
    (tmp_path / manifest.file_name).write_bytes(b"not readable, but somebody may repair it")

    assert files._free_name(tmp_path, manifest).name == "saxaul-kubuqi-dune-00c0ffee-1-2-2.zip"
