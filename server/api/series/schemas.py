"""What the API answers with for series, as OpenAPI tells it; `answer` beside it writes it."""

from pydantic import BaseModel, Field

from server.api.instants import Instant
from server.api.series.choice import Level


class OneSeries(BaseModel):
    """One datastream on the answer's axis of time; null where it has nothing good."""

    datastream: int
    name: str
    unit: str = Field(description="UCUM code")
    aggregate: str = Field(description="How values combine over time, as in mean or sum")
    interval_s: float
    time_zone: str = Field(description="Of the site, whose days daily values are over (IANA)")
    mean: list[float | None] = Field(
        description="Of the good values; of directions the vector mean"
    )
    min: list[float | None] | None = Field(
        description="The lowest good value, never averaged; null for directions"
    )
    max: list[float | None] | None = Field(
        description="The highest good value, never averaged; null for directions"
    )
    sum: list[float | None] | None = Field(description="Only of amounts, such as rain")
    last: list[float | None] | None = Field(description="Only of states and counters")
    n: list[int] = Field(description="Observations with a value")
    n_good: list[int] = Field(description="Those of them that did not fail a test")
    expected: int = Field(description="Observations there should be in the range, until now")
    completeness: float | None = Field(
        description="Share of the expected observations that have a value, at most 1; "
        "null where none is expected"
    )


class Series(BaseModel):
    """Series on one axis of time, in columns of equal length."""

    since: Instant = Field(alias="from", description="The first instant, included")
    to: Instant = Field(description="The last instant, not included")
    resolution: Level = Field(description="What was read: observations, hours or days")
    step_s: float | None = Field(
        description="How long a bucket is; null where each observation is told. Days may be an "
        "hour longer or shorter"
    )
    downsample: str = Field(description="envelope or lttb; of lttb with very many gaps: envelope")
    time: list[Instant] = Field(
        description="Where each bucket begins. The first may begin before `from`: it counts only "
        "what is in the range, as the last one does"
    )
    series: list[OneSeries]
