"""Names that last, by links as udev makes them, and who has a port open."""

from dataclasses import dataclass

import pytest

from gateway.scan.ports import holder, lasting_name

CH340 = (0x1A86, 0x7523, None)
FTDI = (0x0403, 0x6001, "A50285BI")


@dataclass
class Port:
    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    location: str | None = None


@pytest.fixture
def udev(tmp_path):
    """Make ports with the links that udev would make: the last of two alike has the by-id link."""

    def plug(*ports):
        found = []
        for number, (ids, by_id, by_path, location) in enumerate(ports):
            device = tmp_path / f"ttyUSB{number}"
            device.touch()
            for folder, name in (("by-id", by_id), ("by-path", by_path)):
                link = tmp_path / "serial" / folder / name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(device)
            found.append(Port(str(device), *ids, location))
        return found

    plug.links = tmp_path / "serial"
    return plug


def names(udev, present):
    short = str(udev.links) + "/"
    return [lasting_name(one.device, present, udev.links).removeprefix(short) for one in present]


def test_an_adapter_is_named_by_its_id(udev):
    present = udev((FTDI, "usb-FTDI_A50285BI-if00", "pci-usb-0:1.2:1.0", "1-1.2:1.0"))

    assert names(udev, present) == ["by-id/usb-FTDI_A50285BI-if00"]


def test_two_adapters_that_share_an_id_are_told_apart_by_where_they_are_plugged_in(udev):
    present = udev(
        (CH340, "usb-1a86_USB_Serial-if00", "pci-usb-0:1.2:1.0", "1-1.2:1.0"),
        (CH340, "usb-1a86_USB_Serial-if00", "pci-usb-0:1.3:1.0", "1-1.3:1.0"),
    )

    assert names(udev, present) == ["by-path/pci-usb-0:1.2:1.0", "by-path/pci-usb-0:1.3:1.0"]


def test_the_ports_of_one_adapter_share_no_id(udev):
    present = udev(
        (FTDI, "usb-FTDI_Quad-if00", "pci-usb-0:1.2:1.0", "1-1.2:1.0"),
        (FTDI, "usb-FTDI_Quad-if01", "pci-usb-0:1.2:1.1", "1-1.2:1.1"),
    )

    assert names(udev, present) == ["by-id/usb-FTDI_Quad-if00", "by-id/usb-FTDI_Quad-if01"]


def test_two_adapters_with_serial_numbers_keep_their_ids(udev):
    other = (*FTDI[:2], "A900XXXX")
    present = udev(
        (FTDI, "usb-FTDI_A50285BI-if00", "pci-usb-0:1.2:1.0", "1-1.2:1.0"),
        (other, "usb-FTDI_A900XXXX-if00", "pci-usb-0:1.3:1.0", "1-1.3:1.0"),
    )

    assert names(udev, present) == ["by-id/usb-FTDI_A50285BI-if00", "by-id/usb-FTDI_A900XXXX-if00"]


def test_a_port_without_links_keeps_its_name(tmp_path):
    assert lasting_name("/dev/ttyAMA0", [Port("/dev/ttyAMA0")], tmp_path) == "/dev/ttyAMA0"
    assert lasting_name("socket://10.0.0.2:4001", [], tmp_path) == "socket://10.0.0.2:4001"


def test_a_program_that_has_the_port_open_without_locking_it_is_named(tmp_path):
    device = tmp_path / "ttyUSB0"
    device.touch()
    for number, name, opened in (("17", "screen", device), ("18", "sh", tmp_path / "notes")):
        (tmp_path / "proc" / number / "fd").mkdir(parents=True)
        (tmp_path / "proc" / number / "comm").write_text(f"{name}\n")
        (tmp_path / "proc" / number / "fd" / "3").symlink_to(opened)

    assert holder(str(device), tmp_path / "proc") == "screen (process 17)"
    assert holder(str(tmp_path / "ttyUSB1"), tmp_path / "proc") == ""
