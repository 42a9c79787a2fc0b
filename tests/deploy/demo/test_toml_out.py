"""What the demo writes, TOML reads back."""

import tomllib

import pytest

from deploy.demo.toml_out import dumps


def test_round_trip():
    tree = {
        "seed": 7,
        "name": 'Dune 1, "straw"\n\u6c99',
        "on": True,
        "depth": 0.1,
        "clock": {"trust": "assume"},
        "bus": [
            {"id": "a", "sensor": [{"id": "s1", "x": 1}, {"id": "s2"}]},
            {"id": "b", "sensor": [{"id": "s3"}]},
        ],
    }

    assert tomllib.loads(dumps(tree)) == tree


def test_what_toml_has_no_word_for_is_refused():
    with pytest.raises(TypeError):
        dumps({"x": None})
