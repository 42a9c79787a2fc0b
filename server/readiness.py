"""How each part of the server is, in a sentence, for /readyz."""

from collections.abc import Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from server.api.schemas import Part
from server.db.migrate import is_current
from server.errors import StoreError
from server.housekeeping import Housekeeper
from server.hypertable.layout import Layout
from server.ingest.service import IngestService, wall_clock_ms
from server.live.follow import Follower
from server.notify.notifier import Notifier
from server.roles.crew import Crew
from server.rollup.worker import RollupWorker
from server.settings import MqttSection, NotifySection
from server.watch.keeping.keeper import Watchkeeper


def database_part(engine: Engine) -> Part:
    """Tell whether the database is there, with the tables of this program."""
    try:
        current = is_current(engine)
    except StoreError as error:
        return Part(name="database", ready=False, detail=str(error))
    detail = "current" if current else "its schema is not this program's: run saxaul-server migrate"
    return Part(name="database", ready=current, detail=detail)


def ingest_part(ingest: IngestService, mqtt: MqttSection) -> Part:
    """Tell how ingest in this process is."""
    health = ingest.health()
    ready = health.connected and health.database_ok
    where = "the embedded broker" if mqtt.embedded else f"the broker at {mqtt.host}:{mqtt.port}"
    if ready:
        return Part(name="ingest", ready=True, detail=f"connected to {where}")
    detail = health.last_error or f"not connected to {where}"
    return Part(name="ingest", ready=False, detail=detail)


def crew_part(crew: Crew, mqtt: MqttSection) -> Part:
    """Tell how the workers are, or the first of them that cannot work."""
    found = crew.health()
    ill = [one for one in found if not (one.report.connected and one.report.database_ok)]
    if not ill:
        busiest = max(found, key=lambda one: one.report.queued)
        detail = (
            f"{len(found)} ingest processes connected to the broker at {mqtt.host}:{mqtt.port}; "
            f"{busiest.report.queued} messages wait at worker {busiest.number}, at no other more; "
            f"{sum(one.report.postponed for one in found)} were put off while another process was "
            "at their gateway"
        )
        return Part(name="ingest", ready=True, detail=detail)
    first = ill[0]
    why = first.report.last_error or f"not connected to the broker at {mqtt.host}:{mqtt.port}"
    detail = f"{len(ill)} of {len(found)} ingest processes cannot work; {first.number}: {why}"
    return Part(name="ingest", ready=False, detail=detail)


def follower_parts(follower: Follower) -> Sequence[Part]:
    """Speak of live pages only while they get no news."""
    if not follower.error:
        return []
    return [Part(name="live", ready=False, detail=follower.error)]


def storage_part(layout: Layout) -> Part:
    """Tell how observations are laid out."""
    return Part(name="storage", ready=True, detail=layout.sentence())


def rollups_part(rollups: RollupWorker) -> Part:
    """Tell what of the rollups is still to be computed."""
    detail = rollups.error or rollups.backlog.sentence(wall_clock_ms())
    return Part(name="rollups", ready=not rollups.error, detail=detail)


def watches_part(watches: Watchkeeper) -> Part:
    """Tell whether warnings are judged, and what of them is still to be judged anew."""
    return Part(name="warnings", ready=not watches.error, detail=watches.sentence)


def messages_part(notifier: Notifier, told: NotifySection) -> Part:
    """Tell whether people are told of warnings, and what could not be sent."""
    try:
        post = notifier.post()
    except SQLAlchemyError as error:
        return Part(name="messages", ready=False, detail=str(error.__cause__ or error))
    said = [f"{post.waiting} wait"]
    if not told.smtp_host:
        said.append("no mail is sent: set notify.smtp_host")
    if post.without_channel:
        said.append(f"{post.without_channel} of them for a channel that is not set up")
    if post.dead or post.unsure:
        said.append(
            f"in the last week {post.dead} could not be sent, and of {post.unsure} it is not "
            "known: see saxaul-server notify dead, and notify unsure"
        )
    detail = notifier.error or "; ".join(said)
    return Part(name="messages", ready=not notifier.error, detail=detail)


def upkeep_parts(keeper: Housekeeper) -> Sequence[Part]:
    """Speak of upkeep only while it fails: nothing else waits for it."""
    return [Part(name=name, ready=False, detail=why) for name, why in keeper.errors.items()]
