"""Stock locations: where stock is counted by itself."""

from __future__ import annotations

from typing import Literal

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, In, Instant, Out, PageOf, Paging, Text, left_out
from app.domain import stock_locations
from app.domain.parts import StockLocation
from app.domain.queries import catalogues as lists
from app.domain.queries.paging import Page

resource = Resource("Stock locations", "Store rooms, cabinets and vans: where stock is counted by itself.")


class StockLocationOut(Out):
    """A stock location."""

    id: int
    name: str
    active: bool
    created_at: Instant
    updated_at: Instant


class StockLocationIn(In):
    """A new stock location."""

    name: Text
    active: bool = True


class StockLocationChanges(In):
    """What changes; what is left out stays."""

    name: Text = left_out()
    active: bool = left_out()


class StockLocationFilters(Paging):
    """Which stock locations, in which order."""

    active: bool = left_out()
    sort: Literal[
        "name", "-name", "active", "-active", "createdAt", "-createdAt", "updatedAt", "-updatedAt"
    ] = "name"


@resource.get("/stock-locations", needs="stock-locations:read", answers=PageOf[StockLocationOut])
def list_stock_locations(query: StockLocationFilters) -> Page[StockLocation]:
    """List stock locations."""
    return lists.list_locations(calls.session(), **query.for_list())


@resource.get(
    "/stock-locations/{location_id}", needs="stock-locations:read", answers=StockLocationOut, etag=True
)
def get_stock_location(location_id: Id) -> StockLocation:
    """Get a stock location."""
    return find(StockLocation, location_id)


@resource.post(
    "/stock-locations", needs="stock-locations:write", answers=StockLocationOut, status=201, etag=True
)
def create_stock_location(body: StockLocationIn) -> StockLocation:
    """Create a stock location."""
    made = stock_locations.create_location(
        calls.session(), calls.user_id(), name=body.name, active=body.active
    )
    calls.location(f"/stock-locations/{made.id}")
    return made


@resource.put(
    "/stock-locations/{location_id}", needs="stock-locations:write", answers=StockLocationOut, etag=True
)
def update_stock_location(location_id: Id, body: StockLocationChanges) -> StockLocation:
    """Change a stock location. It can be deactivated once it is empty."""
    found = find(StockLocation, location_id, lock=True)
    calls.require_unchanged(StockLocationOut, found)
    return stock_locations.update_location(calls.session(), found, calls.user_id(), **body.given())


@resource.delete("/stock-locations/{location_id}", needs="stock-locations:write", etag=True)
def delete_stock_location(location_id: Id) -> None:
    """Delete a stock location that was never used; others are deactivated instead."""
    found = find(StockLocation, location_id, lock=True)
    calls.require_unchanged(StockLocationOut, found)
    stock_locations.delete_location(calls.session(), found, calls.user_id())
