"""server.toml: defaults, overrides, and what is refused with which words."""

import re

import pytest

from server.settings import (
    MqttSection,
    Overrides,
    Settings,
    example,
    is_loopback,
    load,
    mqtt_password,
)
from wire.errors import ConfigError
from wire.toml_text import key_lines, parse

NOTHING = Overrides()


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "server.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_no_file_is_needed():
    settings = load(None, NOTHING, {})

    assert settings.database.url == "sqlite:///saxaul.db"
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8000)
    assert settings.mqtt == MqttSection(embedded=True, host="127.0.0.1", port=1883)


def test_a_file_sets_what_it_names_and_leaves_the_rest(written):
    path = written(
        '[http]\nport = 9000\n[mqtt]\nembedded = false\nhost = "mqtt.example"\ntls = true'
    )
    settings = load(path, NOTHING, {})

    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 9000)
    assert (settings.mqtt.host, settings.mqtt.tls, settings.mqtt.embedded) == (
        "mqtt.example",
        True,
        False,
    )


def test_the_environment_goes_before_the_file_and_the_command_line_before_both(written):
    path = written('[database]\nurl = "sqlite:///file.db"')
    environ = {"SAXAUL_DATABASE_URL": "sqlite:///environment.db"}
    given = Overrides(database_url="sqlite:///line.db", http_port=0, mqtt_port=1999)

    assert load(path, NOTHING, {}).database.url == "sqlite:///file.db"
    assert load(path, NOTHING, environ).database.url == "sqlite:///environment.db"
    settings = load(path, given, environ)
    assert settings.database.url == "sqlite:///line.db"
    assert (settings.http.port, settings.mqtt.port) == (0, 1999)


def test_the_password_comes_from_the_environment_only():
    assert mqtt_password({"SAXAUL_MQTT_PASSWORD": "s3cret"}) == "s3cret"
    assert mqtt_password({}) == ""


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[htpp]\nport = 1", 1, "unknown key 'htpp'; did you mean 'http'?"),
        ("\n[http]\nhots = 'x'", 3, "unknown key 'hots'; did you mean 'host'?"),
        ("[mqtt]\npassword = 'x'", 2, "unknown key 'password'"),
        ("[http]\nport = 65536", 2, "http.port"),
        ("[http]\nport = '80'", 2, "http.port"),
        ("[http]\nhost = ''", 2, "http.host"),
        ("[http\n", 1, "not valid TOML"),
        ("[mqtt]\nhost = '10.0.0.9'", None, "the embedded broker listens on loopback only"),
        ("[mqtt]\ntls = true", None, "the embedded broker has no TLS"),
        ("[mqtt]\nembedded = false\nhost = '10.0.0.9'", None, "set mqtt.tls = true"),
        ("[mqtt]\nembedded = false\nport = 0", None, "name the port"),
        ("[database]\ncolumnstore_after_days = 3", None, "write 7 or more, or 0 for never"),
        (
            "[retention]\nhour_days = 30",
            None,
            "retention.hour_days = 30 is shorter than retention.raw_days = 0 (for ever): keep",
        ),
        (
            "[retention]\nraw_days = 30\nhour_days = 29",
            None,
            "retention.hour_days = 29 is shorter than retention.raw_days = 30: keep",
        ),
        (
            "[retention]\nraw_days = 30\nday_days = 99",
            None,
            "retention.day_days = 99 is shorter than retention.hour_days = 0 (for ever)",
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_remedy(written, text, line, words):
    path = written(text)
    with pytest.raises(ConfigError) as caught:
        load(path, NOTHING, {})

    where = f"{path}:{line}: " if line else f"{path}: "
    assert str(caught.value).startswith(where)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"No such file or directory; name another file"):
        load(tmp_path / "nope.toml", NOTHING, {})


def test_a_file_that_is_no_text_is_told(tmp_path):
    path = tmp_path / "server.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path, NOTHING, {})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host, loopback):
    assert is_loopback(host) is loopback


def test_the_example_is_the_defaults():
    assert parse(example(), Settings, "example") == Settings()


def test_the_example_has_every_key_and_explains_it():
    text = example()
    lines = text.splitlines()
    documented = {".".join(map(str, path)) for path in key_lines(text)}

    for section in Settings.__struct_fields__:
        for key in type(getattr(Settings(), section)).__struct_fields__:
            assert f"{section}.{key}" in documented
            at = next(i for i, one in enumerate(lines) if re.match(rf"{key} = ", one))
            assert lines[at - 1].startswith("# ")


def test_the_journal_is_packed_after_a_week_and_kept_for_ten_years():
    journal = load(None, NOTHING, {}).journal

    assert (journal.pack_after_days, journal.keep_days) == (7, 3650)


def test_a_number_of_days_of_no_use_is_named_with_its_line(written):
    path = written("[journal]\npack_after_days = 7\nkeep_days = -1\n")

    with pytest.raises(ConfigError) as caught:
        load(path, NOTHING, {})

    assert str(caught.value).startswith(f"{path}:3: ")
    assert "keep_days" in str(caught.value)
    assert ">= 0" in str(caught.value)


def test_everything_is_kept_unless_told_otherwise():
    kept = load(None, NOTHING, {}).retention

    assert (kept.raw_days, kept.hour_days, kept.day_days) == (0, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "raw_days = 30",
        "raw_days = 30\nhour_days = 30\nday_days = 30",
        "raw_days = 1\nhour_days = 2",
    ],
)
def test_what_is_coarser_is_kept_as_long_or_longer(written, text):
    assert load(written(f"[retention]\n{text}\n"), NOTHING, {}).retention.raw_days > 0
