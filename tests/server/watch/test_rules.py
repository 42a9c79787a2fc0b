"""Rules in the database: entered, expanded, tried out, and by the command."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from server import cli
from server.alerts.rules import Input, LevelRule, Rule, Scope, read_rules
from server.db.alert_tables import alert_act, alert_input, alert_rule, alert_watch
from server.db.engine import writing
from server.db.tables import gateway
from server.watch import command
from server.watch.keeping.renewing import Renewal
from server.watch.reading import read_active, read_acts, read_history, read_lines, read_watch
from server.watch.rules import book
from server.watch.rules.trial import Episode, Trial, try_out
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from tests.server.watch.field import DAY_MS, GATEWAY, SERIES, Field
from wire.errors import ConfigError
from wire.quality import Flag, pack

COLD = """
[[rule]]
key = "cold"
kind = "threshold"
name = "Cold"
unit = "Cel"
scope = { property = "air_temperature" }
[[rule.level]]
severity = "warning"
below = 2
leave = 3
"""


@pytest.fixture
def field(sqlite_engine):
    """Two stations with forty days of hours, frost from 1 to 5 h on each seventh day."""
    made = Field(sqlite_engine)
    made.announce(things=("dune-1", "dune-2"))
    return made


def fill(field, days=28):
    for day in range(days):
        begin_ms = START_MS + day * DAY_MS
        rows = [
            Row(
                begin_ms + hour * HOUR_MS,
                -1.0 if day % 7 == 0 and 1 <= hour <= 5 else 10.0,
                pack(Flag.PASS),
            )
            for hour in range(24)
        ]
        field.take(field.batch(rows, rows[-1].time_ms), now_ms=rows[-1].time_ms)
    return START_MS + days * DAY_MS


def keep(field, *rules, now_ms=START_MS):
    with writing(field.engine) as connection:
        for one in rules:
            book.put_rule(connection, one, now_ms, "Oyun")
    renew(field, now_ms)


def renew(field, now_ms):
    renewal = Renewal(field.engine)
    while renewal.step(now_ms):
        field.keep(now_ms)
    field.keep(now_ms)


def cold(**changes):
    (rule,) = read_rules(COLD, "test")
    return Rule(**({name: getattr(rule, name) for name in rule.__struct_fields__} | changes))


def watches(field, key="cold"):
    with field.engine.connect() as connection:
        return connection.execute(
            select(alert_watch)
            .join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id)
            .where(alert_rule.c.key == key, alert_watch.c.retired_at.is_(None))
            .order_by(alert_watch.c.id)
        ).all()


# ---------------------------------------------------------------- from rules to watches


def test_a_rule_is_one_watch_a_series_in_its_scope(field):
    keep(field, cold())
    everywhere = len(watches(field))
    scope = Scope(thing="dune-2", property="air_temperature")
    keep(field, cold(scope=scope), now_ms=START_MS + 1)

    assert everywhere == 2
    assert [one.thing_id for one in watches(field)] == [2]


def test_what_is_expanded_again_stays_as_it_is(field):
    keep(field, cold())
    before = watches(field)
    with field.engine.connect() as connection:
        rev = connection.execute(select(gateway.c.watch_rev)).scalar_one()
    renew(field, START_MS + 5)

    assert watches(field) == before
    with field.engine.connect() as connection:
        assert connection.execute(select(gateway.c.watch_rev)).scalar_one() == rev


def test_a_name_that_changes_makes_no_new_record(field):
    keep(field, cold())
    keep(field, cold(name="Too cold"), now_ms=START_MS + 1)
    keep(field, cold(realarm="1 d"), now_ms=START_MS + 2)

    assert [one.rule_rev for one in watches(field)] == [1, 1]
    assert [one.input["realarm_ms"] for one in watches(field)] == 2 * [DAY_MS]


def test_a_comparison_hears_both_plots(field):
    rule = cold(
        kind="comparison",
        scope=Scope(thing="dune-1", property="air_temperature"),
        input=Input(other=Scope(thing="dune-2")),
    )
    keep(field, rule)

    (watch,) = watches(field)
    with field.engine.connect() as connection:
        heard = connection.execute(
            select(alert_input.c.datastream_id).where(alert_input.c.watch_id == watch.id)
        ).scalars()
        assert sorted(heard) == [1, 2]


def test_a_comparison_with_what_is_not_there_is_left_out_and_stops_nothing(field):
    rule = cold(
        key="lost",
        kind="comparison",
        scope=Scope(thing="dune-1", property="air_temperature"),
        input=Input(other=Scope(thing="dune-9")),
    )
    keep(field, rule, cold())

    assert (len(watches(field, "lost")), len(watches(field))) == (0, 2)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (cold(scope=Scope(site="nowhere", property="air_temperature")), "no site 'nowhere'"),
        (cold(scope=Scope(thing="dune-9", property="air_temperature")), "no thing 'dune-9'"),
        (cold(unit="m3/m3"), "unit"),
        (cold(levels=[LevelRule(severity="warning", below=Decimal(2), leave=Decimal(1))]), "leave"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_the_remedy(field, rule, says):
    with pytest.raises(ConfigError, match=says):
        keep(field, rule)

    assert watches(field) == []


# ---------------------------------------------------------------- a dry run, and the command


def test_a_dry_run_tells_what_would_have_been(field):
    now_ms = fill(field)
    with field.engine.connect() as connection:
        found = try_out(connection, cold(), now_ms)

    assert [(one.subject, one.since_ms, one.until_ms) for one in found.episodes] == [
        (SERIES, START_MS + day * DAY_MS + HOUR_MS, START_MS + day * DAY_MS + 6 * HOUR_MS)
        for day in (0, 7, 14, 21)
    ]
    assert command.sentence(found) == "would have warned 4 times in the last 365 days (UTC):"
    assert watches(field) == []


def test_a_dry_run_by_the_hour(field):
    """The mean of six hours is below 2 with the fifth cold one; of those four that there are at
    first, with the third."""
    now_ms = fill(field, days=8)
    rule = cold(kind="frost", input=Input(of="mean", window="6 h"), on_delay="0 s", off_delay="0 s")
    with field.engine.connect() as connection:
        found = try_out(connection, rule, now_ms)

    assert [one.raised_ms - START_MS for one in found.episodes] == [
        4 * HOUR_MS,
        7 * DAY_MS + 6 * HOUR_MS,
    ]


def test_what_the_clock_judges_cannot_be_tried(field):
    with (
        field.engine.connect() as connection,
        pytest.raises(ConfigError, match="judged by the clock"),
    ):
        try_out(connection, Rule(key="gone", kind="gateway_offline"), START_MS)


def test_the_command_lists_keeps_and_tries_rules(field, tmp_path, capsys):
    fill(field)
    url = field.engine.url.render_as_string(hide_password=False)
    file = tmp_path / "cold.toml"
    file.write_text(COLD)
    codes = [
        cli.main(["alerts", *words, "--database-url", url])
        for words in (["test", str(file), "--days", "3650"], ["add", str(file)], ["rules"],
                      ["test", "cold", "--days", "3650"], ["remove", "cold"], ["list"])
    ]  # fmt: skip
    told = capsys.readouterr().out

    assert codes == [0] * 6
    assert told.count("would have warned 4 times") == 2
    for said in ("2026-06-01 01:00", "Rule 'cold': added", "Cold", "is off", "Nothing is active"):
        assert said in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["test", "nope"], "no such rule; known are: none yet"),
        (["add", "/nowhere/rules.toml"], "cannot be read"),
        (["ack", "7"], "there is none of that number"),
        (["shelve", "7", "--for", "long"], "is no duration"),
    ],
)
def test_what_the_command_cannot_do_it_says_with_the_remedy(field, capsys, words, says):
    url = field.engine.url.render_as_string(hide_password=False)

    assert cli.main(["alerts", *words, "--database-url", url]) == 2
    assert says in capsys.readouterr().err


def test_what_people_did_is_kept_and_shown(watched_on_sqlite, capsys):
    watched = watched_on_sqlite
    url = watched.engine.url.render_as_string(hide_password=False)
    watched.arrive(
        [Row(START_MS + at * HOUR_MS, 0.4, 1) for at in range(7)], START_MS + 6 * HOUR_MS
    )
    for words in (["ack", "1", "--by", "Oyun", "--note", "on my way"], ["comment", "1", "valve shut",
                  "--by", "Oyun"], ["shelve", "1", "--by", "Oyun"], ["list"]):  # fmt: skip
        assert cli.main(["alerts", *words, "--database-url", url]) == 0
    with watched.engine.connect() as connection:
        acts = [(one.act, one.who, one.note) for one in reversed(read_acts(connection, 1))]
        (active,) = read_active(connection)
        history, lines = read_history(connection, 1), read_lines(connection, 1)
        same, none = read_watch(connection, 1), read_watch(connection, 2)

    assert acts == [
        ("ack", "Oyun", "on my way"),
        ("comment", "Oyun", "valve shut"),
        ("shelve", "Oyun", ""),
    ]
    assert (active.standing, active.level, active.acked_by, active.subject.gateway) == (
        *("active", 2, "Oyun", GATEWAY),
    )
    assert active.evidence["value"] == 0.4
    assert [(one.kind, one.level_to, one.superseded_at_ms) for one in history] == [
        ("raised", 2, None)
    ]
    assert lines is not None
    assert (lines.datastream_ids, lines.unit, len(lines.levels)) == ((1,), "Cel", 2)
    assert (same, none) == (active, None)
    assert "acknowledged by Oyun, shelved until" in capsys.readouterr().out


def test_an_act_on_what_is_not_active_is_refused(watched_on_sqlite):
    watched = watched_on_sqlite
    url = watched.engine.url.render_as_string(hide_password=False)

    assert cli.main(["alerts", "ack", "1", "--database-url", url]) == 2
    with watched.engine.connect() as connection:
        assert connection.execute(select(alert_act)).all() == []


def test_a_dry_run_that_finds_one_or_none_says_so():
    one = Episode("a", 0, 0, None, 2)
    never = Trial(30, 1, 1, [])
    assert command.sentence(never) == "would have warned never in the last 30 days."
    assert command.sentence(replace(never, episodes=[one])).startswith("would have warned once")
    assert "(on 1 of 3 series)" in command.sentence(replace(never, found=3))
