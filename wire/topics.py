"""MQTT topics: what is said under `saxaul/1/{gateway}/`, and by whom."""

import re
from dataclasses import dataclass

from wire.errors import ContractError

ROOT = "saxaul/1"
GATEWAY_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
EPOCH = re.compile(r"[a-z0-9]{8,32}")
COMMAND_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# A sequence number is a positive 63-bit integer: what both databases can hold.
MAX_SEQ = 2**63 - 1

BATCH_FILTER = f"{ROOT}/+/batch/+/+"
# What the server subscribes to. Gateways write only here.
UP_FILTERS = (
    BATCH_FILTER,
    f"{ROOT}/+/senml",
    f"{ROOT}/+/inventory",
    f"{ROOT}/+/status",
    f"{ROOT}/+/command/+/result",
)


@dataclass(frozen=True, slots=True)
class BatchTopic:
    """`batch/{epoch}/{seq}`: one sealed batch of a gateway."""

    gateway: str
    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class SenmlTopic:
    """`senml`: a SenML pack of a node that is not ours; no receipt."""

    gateway: str


@dataclass(frozen=True, slots=True)
class InventoryTopic:
    """`inventory`: what is attached to a gateway (retained)."""

    gateway: str


@dataclass(frozen=True, slots=True)
class StatusTopic:
    """`status`: how a gateway is (retained, and its last will)."""

    gateway: str


@dataclass(frozen=True, slots=True)
class CommandResultTopic:
    """`command/{id}/result`: what a gateway made of a command."""

    gateway: str
    command_id: str


UpTopic = BatchTopic | SenmlTopic | InventoryTopic | StatusTopic | CommandResultTopic


def batch(gateway: str, epoch: str, seq: int) -> str:
    """Topic of one sealed batch."""
    return f"{ROOT}/{gateway}/batch/{epoch}/{seq}"


def senml(gateway: str) -> str:
    """Topic of a node's SenML packs."""
    return f"{ROOT}/{gateway}/senml"


def inventory(gateway: str) -> str:
    """Topic of a gateway's inventory."""
    return f"{ROOT}/{gateway}/inventory"


def status(gateway: str) -> str:
    """Topic of a gateway's status and last will."""
    return f"{ROOT}/{gateway}/status"


def receipt(gateway: str) -> str:
    """Topic on which the server confirms or refuses a gateway's batches."""
    return f"{ROOT}/{gateway}/receipt"


def command(gateway: str, command_id: str) -> str:
    """Topic of one command of the server's; "+" for the id subscribes to all of them."""
    return f"{ROOT}/{gateway}/command/{command_id}"


def command_result(gateway: str, command_id: str) -> str:
    """Topic on which a gateway answers a command."""
    return f"{command(gateway, command_id)}/result"


def command_id_of(topic: str) -> str:
    """Tell which command came on a topic; raises ContractError when it is none of the server's."""
    gateway_of(topic)
    match topic.split("/")[3:]:
        case ["command", command_id] if COMMAND_ID.fullmatch(command_id):
            return command_id
    raise ContractError(f"topic '{topic[:200]}' carries no command")


def gateway_of(topic: str) -> str:
    """Tell which gateway a topic belongs to; raises ContractError when it names none."""
    parts = topic.split("/", 3)
    if len(parts) < 4 or "/".join(parts[:2]) != ROOT or not GATEWAY_ID.fullmatch(parts[2]):
        raise ContractError(f"topic '{topic[:200]}' names no gateway")
    return parts[2]


def parse_up(topic: str) -> UpTopic:
    """Read a topic that a gateway writes to; raises ContractError when it is none of ours."""
    gateway = gateway_of(topic)
    match topic.split("/")[3:]:
        case ["batch", epoch, seq] if EPOCH.fullmatch(epoch) and re.fullmatch(
            r"[1-9][0-9]{0,18}", seq
        ):
            if int(seq) <= MAX_SEQ:
                return BatchTopic(gateway, epoch, int(seq))
        case ["senml"]:
            return SenmlTopic(gateway)
        case ["inventory"]:
            return InventoryTopic(gateway)
        case ["status"]:
            return StatusTopic(gateway)
        case ["command", command_id, "result"] if COMMAND_ID.fullmatch(command_id):
            return CommandResultTopic(gateway, command_id)
        case _:
            pass
    raise ContractError(f"topic '{topic[:200]}' is not one a gateway writes to")
