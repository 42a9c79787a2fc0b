"""What an upload is answered with; batches are counted."""

from pydantic import BaseModel, Field

from server.carry.report import Announcement, Report


class RefusalReason(BaseModel):
    """Why batches, or the inventory, could not be used."""

    reason: str
    count: int


class ImportReport(BaseModel):
    """What became of a carried file."""

    gateway: str
    epoch: str
    summary: list[str] = Field(description="The same in sentences, the most important first")
    named: int = Field(description="Batches that should be in the file")
    stored: int = Field(description="Batches that came with this file")
    already_stored: int
    refused: int
    waiting: int = Field(description="Batches that wait for an inventory")
    released: int = Field(description="Batches that had waited and are stored now")
    missing: int = Field(description="Batches that cannot be read from the file")
    observations: int
    inventory: Announcement = Field(description="What was made of the file's inventory")
    reasons: list[RefusalReason]
    damage: list[str]


def present(report: Report) -> ImportReport:
    """Write a report as the API answers it."""
    return ImportReport(
        gateway=report.gateway,
        epoch=report.epoch,
        summary=list(report.sentences()),
        named=report.named,
        stored=report.stored,
        already_stored=report.already_stored,
        refused=report.refused,
        waiting=report.waiting,
        released=report.released,
        missing=report.missing,
        observations=report.observations,
        inventory=report.inventory,
        reasons=[RefusalReason(reason=why, count=n) for why, n in report.reasons.items()],
        damage=report.damage,
    )
