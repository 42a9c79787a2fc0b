"""Who stood at a place when, as far as deployments tell."""

from server.catalog.standing import BEGINNING_MS, MOST_ERAS, Standing, eras


def stood(since, until, model):
    return Standing(since, until, model)


def found(*standings):
    return [(since, there.model) for since, there in eras(standings)]


def test_the_first_reaches_back_to_the_beginning():
    assert found(stood(100, None, "a")) == [(BEGINNING_MS, "a")]


def test_one_follows_the_other():
    assert found(stood(100, 200, "a"), stood(200, None, "b")) == [(BEGINNING_MS, "a"), (200, "b")]


def test_what_left_still_counts_until_another_comes():
    assert found(stood(100, 200, "a"), stood(300, 400, "b")) == [(BEGINNING_MS, "a"), (300, "b")]


def test_of_two_at_one_time_the_one_announced_last_counts():
    assert found(stood(300, 500, "a"), stood(100, 400, "b")) == [
        (BEGINNING_MS, "a"),
        (100, "b"),
        (400, "a"),
    ]


def test_one_replaced_at_the_instant_it_came_was_there_before():
    assert found(stood(100, 100, "a"), stood(100, None, "b")) == [(BEGINNING_MS, "a"), (100, "b")]


def test_where_nothing_is_known_nobody_stands():
    assert found() == [(BEGINNING_MS, "")]


def test_of_very_many_the_newest_count_and_the_oldest_of_them_reaches_back():
    many = [stood(at, at + 1, str(at)) for at in range(MOST_ERAS + 50)]

    told = found(*many)

    assert told[0] == (BEGINNING_MS, "50")
    assert told[1] == (51, "51")
    assert len(told) == MOST_ERAS
