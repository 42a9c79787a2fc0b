"""One gateway, one writer, on PostgreSQL; SQLite lets only one write anyway."""

import threading

import pytest
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import writing
from server.db.locks import lock_gateways, try_lock_gateways


def test_who_holds_a_gateway_keeps_others_out_until_the_transaction_ends(timescale_engine):
    with writing(timescale_engine) as one:
        lock_gateways(one, ["dune", "edge"])
        with writing(timescale_engine) as other:
            during = try_lock_gateways(other, ["dune", "edge", "control"])
    with writing(timescale_engine) as other:
        after = try_lock_gateways(other, ["dune"])

    assert (during, after) == ({"control"}, {"dune"})


def test_a_gateway_may_be_locked_again_by_its_holder(engine):
    with writing(engine) as connection:
        lock_gateways(connection, ["dune", "dune"])
        lock_gateways(connection, [])

        assert try_lock_gateways(connection, ["dune"]) == {"dune"}


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_whatever_order_gateways_are_named_in_nobody_waits_in_a_circle(engine):
    names = [f"gw-{n}" for n in range(40)]
    failed = []

    def lock(order):
        try:
            for _ in range(25):
                with writing(engine) as connection:
                    lock_gateways(connection, order)
        except SQLAlchemyError as error:
            failed.append(error)

    threads = [threading.Thread(target=lock, args=(one,)) for one in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failed == []
