"""Disk, card, supply and temperature, as the kernel's files tell them."""

import pytest

from gateway.doctor.finding import Verdict
from gateway.doctor.host import check_host

THROTTLED = "/sys/devices/platform/soc/soc:firmware/get_throttled"


def test_a_healthy_machine_has_nothing_to_look_at(machine, machine_file, data_dir):
    machine_file("/proc/self/mounts", "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n")
    machine_file("/sys/fs/ext4/mmcblk0p2/errors_count", "0\n")
    machine_file(THROTTLED, "0\n")
    machine_file("/sys/class/thermal/thermal_zone0/temp", "48312\n")

    found = list(check_host(data_dir, machine))

    assert {one.verdict for one in found} == {Verdict.FINE}
    assert {one.about for one in found} == {"disk", "card", "supply", "temperature"}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/proc/self/mounts", "/dev/mmcblk0p2 / ext4 ro 0 0", ("disk", "failed", "read-only")),
        ("/proc/self/mounts", "tmpfs / tmpfs rw 0 0", ("data folder", "failed", "memory (tmpfs)")),
        ("/proc/self/mounts", "overlay / overlay rw 0 0", ("data folder", "failed", "is memory")),
        ("/sys/fs/ext4/mmcblk0p2/errors_count", "3", ("card", "failed", "mmcblk0p2")),
        ("/sys/block/mmcblk0/device/life_time", "0x01 0x0b", ("card", "failed", "worn out")),
        ("/sys/block/mmcblk0/device/life_time", "0x09 0x02", ("card", "look", "90 %")),
        (THROTTLED, "50005", ("supply", "failed", "too low now")),
        (THROTTLED, "50000", ("supply", "look", "since the start")),
        (THROTTLED, "4", ("supply", "look", "slowed now")),
        ("/sys/class/thermal/thermal_zone0/temp", "81200", ("temperature", "look", "81 °C")),
    ],
)
def test_a_sign_of_trouble_is_told_with_its_remedy(
    machine, machine_file, data_dir, path, text, expected
):
    about, verdict, words = expected
    machine_file(path, text)

    (found,) = [
        one for one in check_host(data_dir, machine) if one.about == about and one.verdict != "fine"
    ]

    assert (str(found.verdict), bool(found.remedy)) == (verdict, True)
    assert words in found.said


def test_the_mount_that_holds_the_folder_counts_not_another(machine, machine_file, data_dir):
    machine_file("/proc/self/mounts", f"/dev/a / ext4 ro 0 0\n/dev/b {data_dir} ext4 rw 0 0\n")

    assert not [one for one in check_host(data_dir, machine) if one.verdict is Verdict.FAILED]


def test_a_data_folder_that_is_not_there_yet_is_told(machine, tmp_path, verdicts):
    found = verdicts(check_host(tmp_path / "absent", machine))

    assert found["data folder"] == "look"
