"""The table of what can be played."""

import pytest

from firmware_sim.devices import SDI12_INSTRUMENTS, assemble, playable
from wire.catalogue import Protocol, bundled

NOW = 1_795_000_000.0


@pytest.mark.parametrize("model", sorted(SDI12_INSTRUMENTS))
def test_an_identification_begins_as_the_catalogue_expects(model, set_up):
    line = assemble(Protocol.SDI12, [set_up(model, address="3", serial="SN-1")])
    (send,) = line.bus.receive(b"3I!", NOW)
    assert send.data.startswith(b"314" + bundled()[model].sdi12.identify.encode())
    assert send.data.endswith(b"SN-1\r\n")


@pytest.mark.parametrize("model", sorted(playable()))
def test_a_device_knows_every_field_of_its_catalogue_entry(model, set_up):
    entry = bundled()[model]
    line = assemble(entry.protocol, [set_up(model)])
    if line.polled:
        known = set(line.polled[0].observe(NOW).values)
        # What the gateway makes of a running total may be told as the total, or not at all.
        needed = {field.property for field in entry.field if not field.cumulative}
        assert needed <= known <= {field.property for field in entry.field}
    else:
        known = {
            key for key, value in line.talkers[0].values(int(NOW)).items() if value is not None
        }
        assert known == {field.key for field in entry.field}


@pytest.mark.parametrize("model", sorted(playable()))
def test_values_lie_within_the_span_of_the_catalogue(model, set_up):
    entry = bundled()[model]
    line = assemble(entry.protocol, [set_up(model)])
    if line.polled:
        values = line.polled[0].observe(NOW).values
        pairs = [(field, values[field.property]) for field in entry.field if not field.cumulative]
    else:
        values = line.talkers[0].values(int(NOW))
        pairs = [(field, values[field.key]) for field in entry.field if not field.cumulative]
    assert all(field.span[0] <= value <= field.span[1] for field, value in pairs if field.span)
