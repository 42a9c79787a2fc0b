"""A damaged outbox is set aside; what is readable goes on in a new one, and it is told."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.outbox import Budget, Outbox, report, salvage, schema
from gateway.outbox.schema import DamagedError
from wire import messages
from wire.batch import Sample, decode
from wire.messages import OutboxFigures

NAME = "dune-1/soil-10cm/vwc_raw"
WALL_MS = 1_767_225_600_000
UNSENT = [Decimal(n) for n in range(1000, 1600)]
WAITING = [Decimal(n) for n in range(2000, 3500)]


def fill(folder):
    """Batches: one confirmed, six not; and 1500 observations that wait. Left as by a power cut."""
    live = folder / "live"
    live.mkdir()
    with Outbox(live, Clock("assume"), 60, lambda: "01dc0ffee") as outbox:
        outbox.append_stamped([(NAME, Sample(WALL_MS - 1, Decimal(1)))])
        outbox.seal()
        outbox.confirm([(1, 1)])
        for n, value in enumerate(UNSENT):
            outbox.append_stamped([(NAME, Sample(WALL_MS + n, value))])
            if n % 100 == 99:
                outbox.seal()
        outbox.append_stamped(
            (NAME, Sample(WALL_MS + 5000 + n, value)) for n, value in enumerate(WAITING)
        )
        outbox.set_meta({"inventory": '{"rev":7}', "identities": "{}"})
        outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(live / "outbox.db", folder / "outbox.db")
    shutil.rmtree(live)


@pytest.fixture(scope="module")
def cut_short(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    fill(folder)
    return (folder / "outbox.db").read_bytes()


@pytest.fixture(scope="module")
def damageable(cut_short, tmp_path_factory):
    """The same as a file: hypothesis prints what a failing test was given."""
    path = tmp_path_factory.mktemp("damageable") / "outbox.db"
    path.write_bytes(cut_short)
    return path


def put(folder, content):
    for one in folder.iterdir():
        one.unlink()
    (folder / "outbox.db").write_bytes(content)


def reopened(folder):
    return Outbox(folder, Clock("assume"), 60)


def values_of(outbox):
    """Everything that the outbox would send, by instant."""
    while outbox.seal():
        pass
    listed = outbox.unconfirmed(10_000, 0)
    return {
        sample.time_ms: sample.value
        for one in listed
        for series in decode(outbox.payload(one.seq)).series
        for sample in series.samples()
    }


EXPECTED = {
    **{WALL_MS + n: value for n, value in enumerate(UNSENT)},
    **{WALL_MS + 5000 + n: value for n, value in enumerate(WAITING)},
}


def test_what_was_not_damaged_goes_on_as_it_was(cut_short, tmp_path):
    put(tmp_path, cut_short)
    with reopened(tmp_path) as outbox:
        assert outbox.epoch == "01dc0ffee"
        assert values_of(outbox) == EXPECTED
    assert list(tmp_path.glob("outbox.damaged*")) == []


def test_what_the_budget_has_room_for_is_not_lost_by_a_salvage(tmp_path):
    """Batches stay packed: as observations they take a hundred times the room."""
    budget = Budget(max_bytes=700_000)
    with Outbox(tmp_path, Clock("assume"), 60, budget=budget) as outbox:
        for batch in range(6):
            outbox.append_stamped(
                (NAME, Sample(WALL_MS + 5000 * batch + n, Decimal(n % 7))) for n in range(5000)
            )
            outbox.seal()
        assert outbox.figures().lost == 0
    (tmp_path / "outbox.condemned").touch()
    with Outbox(tmp_path, Clock("assume"), 60, budget=budget) as outbox:
        outbox.prune()
        assert sorted(values_of(outbox)) == [WALL_MS + n for n in range(30_000)]
        assert (outbox.figures().lost, outbox.figures().sealed) == (0, 6)


def test_the_new_file_belongs_to_whom_the_old_one_did(cut_short, tmp_path):
    """An export is done with sudo, and the service's user must be able to go on after it."""
    put(tmp_path, cut_short)
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(tmp_path / "outbox.db", owner, -1)
    (tmp_path / "outbox.condemned").touch()
    with reopened(tmp_path) as outbox:
        assert len(outbox.past_figures()) == 1
        assert {one.stat().st_uid for one in tmp_path.glob("outbox.d*")} == {owner}


def page_of(content, table):
    """Where a table's first page begins in the file."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(b"".join((content[:18], b"\x01\x01", content[20:])))  # no WAL in memory
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
    ).fetchone()
    connection.close()
    return (root - 1) * 4096


@pytest.mark.parametrize("at", [0, 16, 28, 60, 68, 100, 105])
def test_a_broken_first_page_costs_nothing_behind_it(cut_short, tmp_path, at):
    """The header, its fields, the schema's own page: the tables still begin where they began."""
    content = bytearray(cut_short)
    content[at : at + 40] = b"\xa5" * 40
    put(tmp_path, content)
    with reopened(tmp_path) as outbox:
        assert outbox.epoch != "01dc0ffee"
        assert values_of(outbox) == EXPECTED


def test_a_page_that_is_gone_costs_what_was_on_it_and_no_more(cut_short, tmp_path):
    content = bytearray(cut_short)
    leaves = [
        at
        for at in range(0, len(content), 4096)
        if content[at] == 0x0D and content[at : at + 4096].count(NAME.encode()) > 20
    ]
    hit = leaves[len(leaves) // 2]
    on_it = content[hit : hit + 4096].count(NAME.encode())
    content[hit : hit + 4096] = os.urandom(4096)
    put(tmp_path, content)
    with reopened(tmp_path) as outbox:
        found = values_of(outbox)
    assert found.items() < EXPECTED.items()
    assert len(EXPECTED) - len(found) == on_it


def test_a_tables_root_that_is_gone_costs_that_table(cut_short, tmp_path):
    content = bytearray(cut_short)
    at = page_of(cut_short, "pending")
    content[at : at + 4096] = bytes(4096)
    put(tmp_path, content)
    with reopened(tmp_path) as outbox:
        assert values_of(outbox) == {WALL_MS + n: value for n, value in enumerate(UNSENT)}


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_truncated_file_yields_what_is_left_of_it(cut_short, tmp_path, keep):
    put(tmp_path, cut_short[: int(len(cut_short) * keep)])
    with reopened(tmp_path) as outbox:
        assert outbox.epoch != "01dc0ffee"
        assert values_of(outbox).items() <= EXPECTED.items()


def test_most_of_a_truncated_file_is_carried_over(cut_short, tmp_path):
    put(tmp_path, cut_short[: int(len(cut_short) * 0.9)])
    with reopened(tmp_path) as outbox:
        assert len(values_of(outbox)) > len(EXPECTED) / 2


@pytest.mark.parametrize("content", [b"not a database at all" * 500, bytes(20_000)])
def test_a_file_with_nothing_in_it_is_set_aside_too(tmp_path, content):
    put(tmp_path, content)
    with reopened(tmp_path) as outbox:
        outbox.append_stamped([(NAME, Sample(1, Decimal(1)))])
        assert values_of(outbox) == {1: 1}
    (aside,) = tmp_path.glob("outbox.damaged-*.db")
    assert aside.read_bytes() == content


def test_a_log_whose_file_is_gone_is_set_aside(tmp_path):
    (tmp_path / "outbox.db-wal").write_bytes(b"x" * 5000)
    reopened(tmp_path).close()
    (aside,) = tmp_path.glob("outbox.damaged-*.db-wal")
    assert aside.read_bytes() == b"x" * 5000


def test_nothing_of_it_is_silent(cut_short, tmp_path, capsys):
    content = bytearray(cut_short)
    for at in range(0, len(content), 4096):  # a batch whose payload cannot be read is lost
        spot = content.find(b"\x78\xf9\x4e\xe1\xf0\x64", at, at + 4096)
        if spot > 0:
            content[spot + 6 : spot + 20] = b"\xff" * 14
    content[100:110] = b"\xa5" * 10
    put(tmp_path, content)
    with reopened(tmp_path) as outbox:
        (past,) = outbox.past_figures()
        assert (past.epoch, past.sealed) == ("01dc0ffee", 7)
        assert 1 <= past.lost <= 6
        assert past.unconfirmed == 6 - past.lost
        assert sum(last - first + 1 for first, last in past.carried) == past.unconfirmed
    told = capsys.readouterr().out
    assert "outbox_salvaged" in told
    (note,) = report.read(tmp_path, 1).salvages
    assert (tmp_path / note.file).read_bytes() == content
    assert note.unreadable == past.lost
    assert note.observations == len(WAITING) + 100 * past.unconfirmed


def test_the_server_is_told_which_batches_go_on_under_the_new_epoch(cut_short, tmp_path):
    """The confirmed one stays behind; figures that an older program kept are closed as well."""
    put(tmp_path, cut_short[:100] + b"\xa5" * 40 + cut_short[140:])
    with reopened(tmp_path) as outbox:
        (past,) = outbox.past_figures()
        assert (past.closed, past.carried, past.unconfirmed) == (True, [(2, 7)], 6)
        outbox.set_meta({"past_epochs": '[{"epoch":"01dc0ffee","sealed":7}]'})
        assert outbox.past_figures() == [OutboxFigures(epoch="01dc0ffee", sealed=7, closed=True)]


def test_of_a_fringed_outbox_the_longest_ranges_are_told(cut_short, tmp_path):
    """Every second batch confirmed, but ten in a row at the end: a status must stay small."""
    put(tmp_path, cut_short)
    with reopened(tmp_path) as outbox:
        for n in range(300):
            outbox.append_stamped([(NAME, Sample(n, Decimal(n)))])
            outbox.seal()
        newest = outbox.figures().sealed
        outbox.confirm([(seq, seq) for seq in range(1, newest - 10, 2)])
        outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = outbox.path.read_bytes()
    put(tmp_path, content[:100] + b"\xa5" * 40 + content[140:])
    with reopened(tmp_path) as outbox:
        (past,) = outbox.past_figures()
    assert len(past.carried) == 100
    assert past.carried == sorted(past.carried)
    assert past.carried[-1][1] == newest
    assert past.carried[-1][1] - past.carried[-1][0] >= 9


@pytest.mark.parametrize("note", ["sealed", "lost"])
def test_a_count_that_damage_made_absurd_does_not_stop_the_gateway(cut_short, tmp_path, note):
    """Its status would be refused by every server, and its own notes by itself."""
    put(tmp_path, cut_short)
    absurd = {"sealed": "9" * 25, "lost": '{"batches":' + "9" * 18 + "}"}
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (note, absurd[note]))
        db.commit()
    (tmp_path / "outbox.condemned").touch()
    with reopened(tmp_path) as outbox:
        (past,) = outbox.past_figures()
    told = messages.encode(messages.Status(state="online", outbox=[past]))
    assert messages.decode(told, messages.Status).outbox == [past]


@pytest.mark.parametrize(("note", "dropped"), [("7", 7), ('"x"', 0), ("-1", 0), ("[1]", 0)])
def test_what_gave_way_in_memory_is_told_on_but_no_nonsense(cut_short, tmp_path, note, dropped):
    """Of the new epoch, so that it is counted once; a broken note would stop every status."""
    put(tmp_path, cut_short)
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('dropped', ?)", (note,))
        db.commit()
    (tmp_path / "outbox.condemned").touch()
    with reopened(tmp_path) as outbox:
        assert outbox.figures().dropped == dropped
        assert [one.dropped for one in outbox.past_figures()] == [0]


def test_what_the_gateway_knows_of_its_sensors_goes_over(cut_short, tmp_path):
    """Else the server would see all instruments swapped."""
    put(tmp_path, cut_short[:100] + b"\xa5" * 40 + cut_short[140:])
    with reopened(tmp_path) as outbox:
        assert outbox.meta("inventory") == '{"rev":7}'
        assert outbox.meta("clean") == "0"


def test_a_second_damage_keeps_what_is_known_of_the_first(cut_short, tmp_path):
    put(tmp_path, cut_short[:100] + b"\xa5" * 40 + cut_short[140:])
    outbox = reopened(tmp_path)
    first = outbox.epoch
    content = bytearray(cut_short)
    outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(outbox.path.read_bytes())
    outbox.close()
    content[100:140] = b"\xa5" * 40
    outbox.path.write_bytes(content)
    with reopened(tmp_path) as outbox:
        assert [one.epoch for one in outbox.past_figures()] == ["01dc0ffee", first]
        assert values_of(outbox) == EXPECTED
    assert len(list(tmp_path.glob("outbox.damaged-*.db"))) == 2


def use(outbox):
    """Write and seal; a batch whose bytes are damaged is the server's to refuse."""
    outbox.append_stamped([(NAME, Sample(7, Decimal(7)))])
    while outbox.seal():
        pass
    newest = max(one.seq for one in outbox.unconfirmed(10_000, 0))
    samples = [row for one in decode(outbox.payload(newest)).series for row in one.samples()]
    assert Sample(7, Decimal(7)) in samples


@pytest.mark.parametrize("damage", ["value = '12x'", "clock = 'n''p'", "datastream = 'DUNE'"])
def test_an_observation_that_cannot_be_sealed_does_not_stop_the_others(cut_short, tmp_path, damage):
    put(tmp_path, cut_short)
    outbox = reopened(tmp_path)
    outbox._db.execute(f"UPDATE pending SET {damage} WHERE value = '2001'")
    with pytest.raises(DamagedError, match="an observation that waits"):
        outbox.seal()
    outbox.close()
    with reopened(tmp_path) as outbox:
        assert len(values_of(outbox)) == len(EXPECTED) - 1
    assert report.read(tmp_path, 1).salvages[0].unreadable == 1


@given(seed=st.integers(0, 2**32), hits=st.integers(1, 40), length=st.integers(1, 600))
@example(seed=0, hits=1, length=1)
@example(seed=398, hits=17, length=397)
@settings(max_examples=25, deadline=None)
def test_random_damage_never_stops_a_gateway_for_good(damageable, seed, hits, length):
    content = bytearray(damageable.read_bytes())
    chance = random.Random(seed)
    for _ in range(hits):
        at = chance.randrange(len(content))
        content[at : at + length] = chance.randbytes(min(length, len(content) - at))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        put(folder, content)
        outbox = reopened(folder)
        with suppress(DamagedError), outbox:
            use(outbox)
        if outbox.is_damaged:  # met only now: the next start salvages, and that is the end of it
            with reopened(folder) as outbox:
                use(outbox)
        report.read(folder, 5)


# ---------------------------------------------------------------- when it is looked for, and cuts


def test_a_clean_stop_spares_the_next_start_the_reading_through(cut_short, tmp_path, monkeypatch):
    put(tmp_path, cut_short)
    statements = []
    connect = schema.open_unchecked

    def traced(path):
        connection = connect(path)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(schema, "open_unchecked", traced)
    reopened(tmp_path).close()
    assert any("quick_check" in one for one in statements)
    statements.clear()
    reopened(tmp_path).close()
    assert not any("quick_check" in one for one in statements)


def test_a_batch_whose_bytes_are_gone_is_counted_and_does_not_wait_for_ever(cut_short, tmp_path):
    put(tmp_path, cut_short)
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db, db:
        db.execute("DELETE FROM payload WHERE seq = 3")

    with reopened(tmp_path) as outbox, pytest.raises(DamagedError, match="batch 3 has lost"):
        outbox.payload(3)

    with reopened(tmp_path) as outbox:
        assert outbox.past_figures()[0].lost == 1
        assert len(values_of(outbox)) == len(EXPECTED) - 100


def test_damage_met_while_running_is_looked_for_at_the_next_start(cut_short, tmp_path):
    put(tmp_path, cut_short)
    reopened(tmp_path).close()
    content = bytearray((tmp_path / "outbox.db").read_bytes())
    at = page_of(cut_short, "payload")
    content[at : at + 4096] = b"\xa5" * 4096
    put(tmp_path, content)
    outbox = reopened(tmp_path)
    with pytest.raises(StoreError, match=r"damaged .*restart the gateway"):
        outbox.payload(2)
    assert outbox.is_damaged
    outbox.close()
    with reopened(tmp_path) as outbox:
        assert (
            values_of(outbox).items()
            >= {WALL_MS + 5000 + n: value for n, value in enumerate(WAITING)}.items()
        )


@pytest.mark.parametrize("step", ["rename", "_discard", "_sync_folder"])
def test_a_salvage_that_is_cut_off_is_done_again_or_finished(
    cut_short, tmp_path, monkeypatch, step
):
    """A power cut at each rename and removal: all that was readable is there after the next."""
    damaged = cut_short[:100] + b"\xa5" * 40 + cut_short[140:]
    for survived in range(8):
        put(tmp_path, damaged)
        left = [survived]

        def cut(original, left=left):
            def step_or_cut(*args):
                left[0] -= 1
                if left[0] < 0:
                    raise InterruptedError
                return original(*args)

            return step_or_cut

        with monkeypatch.context() as patch:
            owner = salvage.Path if step == "rename" else salvage
            patch.setattr(owner, step, cut(getattr(owner, step)))
            with suppress(StoreError):
                reopened(tmp_path).close()
        with reopened(tmp_path) as outbox:
            assert values_of(outbox) == EXPECTED


def test_a_log_cut_anywhere_leaves_what_was_before_the_cut(tmp_path):
    live = tmp_path / "live"
    live.mkdir()
    outbox = Outbox(live, Clock("assume"), 60)
    for n in range(50):
        outbox.append_stamped([(NAME, Sample(n, Decimal(n)))])
    base, log = (live / "outbox.db").read_bytes(), (live / "outbox.db-wal").read_bytes()
    outbox.close()
    folder = tmp_path / "cut"
    folder.mkdir()
    chance, last = random.Random(4), -1
    for size in sorted(chance.randrange(60_000, len(log)) for _ in range(12)):
        put(folder, base)
        (folder / "outbox.db-wal").write_bytes(log[:size])
        with reopened(folder) as cut:
            found = values_of(cut)
        assert found == {n: n for n in range(len(found))}
        assert len(found) >= last
        last = len(found)
    assert last > 25


KILLED = """
import sys
from decimal import Decimal
from pathlib import Path
from gateway.clock import Clock
from gateway.outbox import Outbox
from wire.batch import Sample
with Outbox(Path(sys.argv[1]), Clock("assume"), 60) as outbox:
    n = 0
    while True:
        outbox.append_stamped([("d-1/s-1/x", Sample(n, Decimal(n)))])
        print(n, flush=True)
        n += 1
        if n % 7 == 0:
            outbox.seal()
"""


def test_whatever_append_returned_for_survives_a_kill(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    said = [process.stdout.readline() for _ in range(60)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    with reopened(tmp_path) as outbox:
        found = values_of(outbox)
    last = int(said[-1] if said[-1].endswith("\n") else said[-2])
    assert set(found) >= set(range(last + 1))
