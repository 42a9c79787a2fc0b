"""The commented gateway.toml that `saxaul-gateway config` prints."""

import re

import msgspec

from gateway import config, config_text


def loaded(text, tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def test_it_is_valid_as_it_stands(tmp_path):
    assert loaded(config_text.example(), tmp_path).gateway.id == "kubuqi-dune"


def test_its_optional_keys_are_valid_too(tmp_path):
    (tmp_path / "models").mkdir()
    text = re.sub(r"^( *)# (\w+ = )", r"\1\2", config_text.example(), flags=re.MULTILINE)
    assert loaded(text, tmp_path).clock == config.ClockSection()


def test_every_key_is_in_it():
    text = config_text.example()
    sections = [kind for _, kind, _ in config_text._TABLES]
    assert len(sections) == 9
    for section in sections:
        for field in msgspec.structs.fields(section):
            pattern = rf"^ *(# )?{field.name} = |^ *\[\[bus\.{field.name}\]\]"
            assert re.search(pattern, text, re.MULTILINE), field.name
