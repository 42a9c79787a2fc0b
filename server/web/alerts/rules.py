"""The pages of rules: listed, made for the common kinds, tried out before they are kept."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from msgspec import structs
from pydantic import Field
from sqlalchemy import Connection, select

from server.alerts.kinds import KINDS
from server.alerts.rules import Rule, Scope, rule_from_json, rule_to_json
from server.alerts.settling import settle
from server.api.alerts.rules import trial_sentence
from server.api.edge import Parameters, Services, ServicesDep
from server.api.problems import ProblemError
from server.db.engine import writing
from server.db.tables import site, thing
from server.watch.rules import book
from server.watch.rules.trial import try_out
from server.web.alerts.forms import OwnForm
from server.web.alerts.rule_form import (
    COMMON,
    PlaceChoice,
    describe,
    fields_of,
    is_common,
    new_key,
    place_of,
    read_fields,
    scope_of,
)
from server.web.alerts.templating import show
from wire.errors import ConfigError

router = APIRouter(include_in_schema=False)

_BY = "page"
_EPISODES = 20


class EditParameters(Parameters):
    """Which rule: one that is there, or a new one of a kind at a place."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,126}$")] | None = None
    kind: Annotated[str, Field(pattern=f"^({'|'.join(COMMON)})$")] = COMMON[0]
    place: Annotated[str, Field(max_length=200, pattern=r"^[a-z0-9_.|-]*$")] = ""


@router.get("/alerts/rules", response_class=HTMLResponse)
def show_rules(services: ServicesDep) -> HTMLResponse:
    """List all rules, each in a sentence."""
    with services.engine.connect() as connection:
        rules = book.read_rules(connection)
        names = _site_names(connection)
    listed = [(one, _described(one, names)) for one in rules]
    kinds = {key: one.label for key, one in KINDS.items()}
    return show(
        "rules.html",
        on=[(one, said) for one, said in listed if one.rule.enabled or one.fault],
        off=[(one, said) for one, said in listed if not one.rule.enabled and not one.fault],
        kinds=kinds,
    )


@router.get("/alerts/rules/new", response_class=HTMLResponse)
def show_new(services: ServicesDep) -> HTMLResponse:
    """Choose what to warn of, and where."""
    with services.engine.connect() as connection:
        places = _places(connection)
    return show("rule_new.html", kinds=[(one, KINDS[one].label) for one in COMMON], places=places)


@router.get("/alerts/rules/edit", response_class=HTMLResponse)
def show_edit(services: ServicesDep, wanted: Annotated[EditParameters, Query()]) -> HTMLResponse:
    """Show the levels of a rule."""
    with services.engine.connect() as connection:
        if wanted.key is not None:
            try:
                rule, is_new = book.find_rule(connection, wanted.key).rule, False
            except ConfigError as error:
                raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None
        else:
            taken = [one.rule.key for one in book.read_rules(connection)]
            scope = _refused(wanted.place)
            key = new_key(wanted.kind, scope, taken)
            rule, is_new = Rule(key=key, kind=wanted.kind, scope=scope), True
    return _edit(services, rule, is_new=is_new)


@router.post("/alerts/rules/trial", response_class=HTMLResponse)
def try_rule(services: ServicesDep, form: OwnForm) -> HTMLResponse:
    """Tell of what a rule would have warned; nothing is kept yet."""
    base = _sent(form.one("base"))
    is_new = form.one("is_new") == "yes"
    try:
        # What is tried out is to be switched on.
        on = structs.replace(base, enabled=True)
        rule = read_fields(form, on) if is_common(base) else on
        settle(rule)
    except ConfigError as error:
        return _edit(services, base, is_new=is_new, trouble=f"{error}.")
    with services.engine.connect() as connection:
        names = _site_names(connection)
        try:
            found = try_out(connection, rule, services.clock())
            said, episodes = trial_sentence(found), found.episodes
        except ConfigError as error:
            said, episodes = f"It cannot be tried out on what is stored: {error}.", []
    return show(
        "rule_trial.html",
        rule=rule,
        label=KINDS[rule.kind].label,
        described=describe(rule, names),
        said=said,
        episodes=episodes[::-1][:_EPISODES],
        written=msgspec.json.encode(rule_to_json(rule)).decode(),
        is_new=is_new,
        now=services.clock(),
    )


@router.post("/alerts/rules", response_class=HTMLResponse)
def keep_rule(services: ServicesDep, form: OwnForm) -> Response:
    """Keep a rule that was tried out."""
    rule = _sent(form.one("rule"))
    is_new = form.one("is_new") == "yes"
    try:
        with writing(services.engine) as connection:
            if is_new:
                _require_free(connection, rule.key)
            book.put_rule(connection, rule, services.clock(), form.one("who")[:100] or _BY)
    except ConfigError as error:
        return _edit(services, rule, is_new=is_new, trouble=f"{error}.")
    return RedirectResponse(f"/alerts/rules#{rule.key}", HTTPStatus.SEE_OTHER)


@router.post("/alerts/rules/off")
def switch_off(services: ServicesDep, form: OwnForm) -> Response:
    """Have a rule watch nothing any more."""
    try:
        with writing(services.engine) as connection:
            book.switch_off(connection, form.one("key"), services.clock(), _BY)
    except ConfigError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None
    return RedirectResponse(f"/alerts/rules#{form.one('key')}", HTTPStatus.SEE_OTHER)


def _edit(services: Services, rule: Rule, *, is_new: bool, trouble: str = "") -> HTMLResponse:
    """Show the form; a rule that cannot be used is shown as it is written."""
    with services.engine.connect() as connection:
        names = _site_names(connection)
    try:
        settle(rule)
        fields, described = fields_of(rule), describe(rule, names)
    except ConfigError as error:
        fields, described = None, f"It cannot be used: {error}."
    return show(
        "rule_edit.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK,
        rule=rule,
        fields=fields,
        described=described,
        written=msgspec.json.encode(rule_to_json(rule)).decode(),
        is_new=is_new,
        trouble=trouble,
    )


def _sent(text: str) -> Rule:
    """Read a rule that our own form carries along."""
    try:
        return rule_from_json(text.encode(), "the rule of this form")
    except ConfigError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def _require_free(connection: Connection, key: str) -> None:
    """Two people may have made a rule of the same kind for the same place meanwhile."""
    if any(one.rule.key == key for one in book.read_rules(connection)):
        raise ConfigError(f"rule '{key}'", "somebody has made it meanwhile: make yours anew")


def _refused(place: str) -> Scope:
    try:
        return scope_of(place)
    except ConfigError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def _described(one: book.Stored, names: dict[str, str]) -> str:
    if one.fault:
        return f"It cannot be used: {one.fault}."
    return describe(one.rule, names)


def _site_names(connection: Connection) -> dict[str, str]:
    return {row.key: row.name for row in connection.execute(select(site.c.key, site.c.name))}


def _places(connection: Connection) -> list[PlaceChoice]:
    rows = connection.execute(
        select(site.c.key, site.c.name, thing.c.gateway_id, thing.c.key, thing.c.name)
        .join(thing, thing.c.site_id == site.c.id)
        .order_by(site.c.name, site.c.key, thing.c.name, thing.c.key)
    ).all()
    found: dict[str, PlaceChoice] = {}
    for site_key, site_name, gateway, key, name in rows:
        found.setdefault(site_key, PlaceChoice(place_of(site_key), f"{site_name}, all of it"))
        value = place_of(site_key, gateway, key)
        found[value] = PlaceChoice(value, f"{site_name}: {name}")
    return list(found.values())
