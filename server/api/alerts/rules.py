"""The rules of warnings: read, kept, switched off, tried out on what is stored."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from server.alerts.rules import Rule, rule_from_json, rule_to_json
from server.api.alerts.acts import Own
from server.api.alerts.schemas import SeverityWord, severity_word
from server.api.edge import Parameters, Services, ServicesDep
from server.api.instants import Instant
from server.api.problems import ProblemError, documented
from server.api.schemas import Items
from server.db.engine import writing
from server.watch.rules import book
from server.watch.rules.trial import YEAR_DAYS, Trial, try_out
from wire.errors import ConfigError

router = APIRouter(prefix="/api/v1/rules", tags=["alerts"])

T = TypeVar("T")

_BY = "HTTP"
_MAX_BYTES = 64_000

RuleKey = Annotated[
    str, Path(pattern=r"^[a-z0-9][a-z0-9_.-]{0,126}$", description="The rule's key")
]
_REFUSALS = documented(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
_BODY = {
    "requestBody": {
        "required": True,
        "description": "A rule, with the keys of docs/howto/write-a-rule.md",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "key": "dune-1-dry",
                    "kind": "dry_soil",
                    "scope": {"site": "kubuqi-north", "thing": "dune-1"},
                    "level": [{"severity": "warning", "below": "0.4", "leave": "0.5"}],
                },
            }
        },
    }
}


class StoredRule(BaseModel):
    """A rule as it is stored; `fault` says why it cannot be used, if it cannot."""

    key: str
    kind: str
    name: str
    enabled: bool
    revision: int
    by_default: bool = Field(description="The server's own: it follows the soil of its site")
    changed_at: Instant
    changed_by: str
    fault: str | None
    definition: dict[str, Any] = Field(description="The rule as it is written")


class TrialEpisode(BaseModel):
    """What would have been one warning; `until` is null while it goes on."""

    subject: str
    since: Instant
    raised_at: Instant
    until: Instant | None
    severity: SeverityWord


class TrialReport(BaseModel):
    """What a rule would have warned of. Of very many series only some are tried."""

    sentence: str
    days: int
    series_tried: int
    series_found: int
    episodes: list[TrialEpisode]


class TrialParameters(Parameters):
    """Over which time."""

    days: Annotated[int, Field(ge=1, le=3650, description="So many until now")] = YEAR_DAYS


@router.get("", summary="List the rules", responses=documented())
def list_rules(services: ServicesDep) -> Items[StoredRule]:
    """List them by key, also those that are switched off."""
    with services.engine.connect() as connection:
        return Items(items=[_present(one) for one in book.read_rules(connection)])


@router.get("/{key}", summary="Read a rule", responses=_REFUSALS)
def read_rule(services: ServicesDep, key: RuleKey) -> StoredRule:
    """Answer with one rule."""
    return _read(services, key)


@router.put("/{key}", summary="Keep a rule", responses=_REFUSALS, openapi_extra=_BODY)
async def put_rule(request: Request, services: ServicesDep, key: RuleKey, _own: Own) -> StoredRule:
    """Put it in the place of the one with this key; what is active is judged anew by it."""
    rule = await read_body(request, key)

    def put() -> StoredRule:
        with writing(services.engine) as connection:
            book.put_rule(connection, rule, services.clock(), _BY)
        return _read(services, key)

    return await run_in_threadpool(_refusing, put)


@router.delete("/{key}", summary="Switch a rule off", responses=_REFUSALS)
def switch_rule_off(services: ServicesDep, key: RuleKey, _own: Own) -> StoredRule:
    """Have it watch nothing any more. What it has recorded stays, and so does the rule."""
    _read(services, key)
    with writing(services.engine) as connection:
        book.switch_off(connection, key, services.clock(), _BY)
    return _read(services, key)


@router.post("/trial", summary="Try a rule out", responses=_REFUSALS, openapi_extra=_BODY)
async def try_rule(
    request: Request, services: ServicesDep, wanted: Annotated[TrialParameters, Query()], _own: Own
) -> TrialReport:
    """Tell of what it would have warned, had it been there. Writes nothing."""
    rule = await read_body(request, "trial")

    def tried() -> TrialReport:
        with services.engine.connect() as connection:
            return present_trial(try_out(connection, rule, services.clock(), wanted.days))

    return await run_in_threadpool(_refusing, tried)


async def read_body(request: Request, key: str) -> Rule:
    """Read a rule that was sent; raises ProblemError saying what is wrong with it."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BYTES:
            detail = f"A rule has at most {_MAX_BYTES} bytes."
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        detail = "The body is no JSON: write a rule as docs/howto/write-a-rule.md shows."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from None
    if not isinstance(given, dict):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "The body must be one JSON object.")
    return _rule({"key": key, **given}, key)


def _rule(given: dict[str, Any], key: str) -> Rule:
    try:
        rule = rule_from_json(given, f"rule '{given['key']}'")
    except ConfigError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    if key not in ("trial", rule.key):
        detail = f"The rule says its key is '{rule.key}', the address '{key}': make them the same."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return rule


def _refusing(work: Callable[[], T]) -> T:
    """Do it; what is wrong with the rule becomes a problem with its remedy."""
    try:
        return work()
    except ConfigError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def _read(services: Services, key: str) -> StoredRule:
    with services.engine.connect() as connection:
        try:
            return _present(book.find_rule(connection, key))
        except ConfigError as error:
            raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None


def _present(one: book.Stored) -> StoredRule:
    return StoredRule(
        key=one.rule.key,
        kind=one.rule.kind,
        name=one.rule.name,
        enabled=one.rule.enabled,
        revision=one.rev,
        by_default=one.is_default,
        changed_at=one.changed_at,
        changed_by=one.changed_by,
        fault=one.fault or None,
        definition=rule_to_json(one.rule),
    )


def trial_sentence(trial: Trial) -> str:
    """Say what came of a dry run: "It would have warned 4 times in the last 365 days."."""
    count = len(trial.episodes)
    times = {0: "not have warned", 1: "have warned once"}.get(count, f"have warned {count:,} times")
    some = f" by {trial.watches} of {trial.found:,} series" if trial.watches < trial.found else ""
    return f"It would {times} in the last {trial.days} days{some}."


def present_trial(trial: Trial) -> TrialReport:
    """Write a dry run as its schema."""
    return TrialReport(
        sentence=trial_sentence(trial),
        days=trial.days,
        series_tried=trial.watches,
        series_found=trial.found,
        episodes=[
            TrialEpisode(
                subject=one.subject,
                since=one.since_ms,
                raised_at=one.raised_ms,
                until=one.until_ms,
                severity=severity_word(one.level),
            )
            for one in trial.episodes
        ],
    )
