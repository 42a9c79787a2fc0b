"""What sampling tests share; the parts are in made_up.py."""

import pytest

from tests.gateway.sampling.made_up import HandClock, Notebook, field_of, model_of


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def notebook():
    return Notebook()


@pytest.fixture
def a_model():
    return model_of


@pytest.fixture
def a_field():
    return field_of
