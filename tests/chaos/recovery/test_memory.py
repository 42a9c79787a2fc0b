"""What is told of a gateway's memory: the worst of several looks."""

from benchmarks.chaos_suite.recovery.memory import Cost, Footprint, Link, Load

EMPTY = Footprint(most=40.0, last=39.0)


def cost(with_nothing, with_a_deaf_broker):
    return Cost(
        {
            (Link.NONE, Load.EMPTY): EMPTY,
            (Link.NONE, Load.FULL): with_nothing,
            (Link.DEAF, Load.EMPTY): EMPTY,
            (Link.DEAF, Load.FULL): with_a_deaf_broker,
        },
        [],
    )


def test_the_worse_link_counts():
    assert cost(Footprint(41.0, 40.0), Footprint(46.0, 40.0)).growth_mb == 6.0
    assert cost(Footprint(46.0, 40.0), Footprint(41.0, 40.0)).growth_mb == 6.0


def test_what_was_given_back_counts_as_well_as_what_is_kept():
    assert Footprint(46.0, 39.0).beyond(EMPTY) == 6.0
    assert Footprint(41.0, 41.0).beyond(EMPTY) == 2.0


def test_the_peak_of_an_earlier_life_is_not_forgotten():
    assert Footprint(41.0, 40.0).after(Footprint(50.0, 49.0)) == Footprint(50.0, 40.0)
