"""A tiny web service around the defects of a product, and the driver that plays stories on it over HTTP."""

import asyncio
import atexit
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sample_workflows.defects import Defects

import itil4
from itil4 import Actor
from itil4.clock import FrozenClock
from itil4.record.base import PROTECTED
from itil4.testing import Answer, Seen
from itil4.testing.local import START


def actor_of(request: Request) -> Actor:
    """Return who asks, as the gateway in front of the service says."""
    headers = request.headers
    roles = [role for role in headers.get("x-roles", "").split(",") if role]
    return Actor(headers["x-actor"], roles, kind="system" if headers.get("x-kind") == "system" else "human")


def held_by(request: Request) -> int | None:
    """Return the version that the client has in hand, where it says so."""
    held = request.headers.get("if-match")
    return int(held) if held else None


def shown(defect: Any) -> dict[str, Any]:
    """Return a defect as the service shows it."""
    kept = {name: getattr(defect, name) for name in type(defect).__slots__ if not name.startswith("_")}
    plain = {name: value for name, value in kept.items() if name not in PROTECTED and name != "extra"}
    return {"id": defect.id, "state": defect.state, "version": defect.version, "values": plain}


def application(clock: FrozenClock) -> FastAPI:
    """Return the service."""
    app = FastAPI()
    desk = itil4.connect(practices=[Defects], clock=clock)[Defects]

    @app.exception_handler(itil4.ITIL4Error)
    async def refused(request: Request, error: itil4.ITIL4Error) -> JSONResponse:
        status = 404 if isinstance(error, itil4.NotFound) else 409
        return JSONResponse(error.to_dict(), status)

    @app.post("/defects", status_code=201)
    async def log(request: Request) -> Any:
        return shown(desk.log(by=actor_of(request), **await request.json()))

    @app.post("/defects/{reference}/{event}")
    async def step(reference: str, event: str, request: Request) -> Any:
        given = {"by": actor_of(request), "expected": held_by(request), **await request.json()}
        if event == "update":
            return shown(desk.update(reference, **given))
        return shown(desk.fire(reference, event, **given))

    @app.get("/defects/{reference}")
    async def get(reference: str) -> Any:
        return shown(desk.get(reference))

    return app


_loop = asyncio.new_event_loop()
atexit.register(_loop.close)


def _waited(answer: Any) -> httpx.Response:
    """Return the answer of the service, which runs in this process."""
    response: httpx.Response = _loop.run_until_complete(answer)
    return response


class OverHttp:
    """Plays stories on the service."""

    def __init__(self) -> None:
        self.clock = FrozenClock(START)
        transport = httpx.ASGITransport(application(self.clock), raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://defects")

    def open(self, payload: Mapping[str, Any], actor: Actor) -> Answer:
        return self._asked("/defects", payload, actor, None)

    def fire(
        self, reference: str, event: str, payload: Mapping[str, Any], actor: Actor, expected: int | None = None
    ) -> Answer:
        return self._asked(f"/defects/{reference}/{event}", payload, actor, expected)

    def get(self, reference: str) -> Seen:
        return _seen(_waited(self.client.get(f"/defects/{reference}")).json())

    def now(self) -> Any:
        return self.clock.now()

    def advance(self, by: timedelta) -> None:
        self.clock.tick(by)

    def _asked(self, path: str, payload: Mapping[str, Any], actor: Actor, expected: int | None) -> Answer:
        headers = {"x-actor": actor.id, "x-roles": ",".join(sorted(actor.roles)), "x-kind": actor.kind}
        if expected is not None:
            headers["if-match"] = str(expected)
        answer = _waited(self.client.post(path, json=dict(payload), headers=headers))
        if answer.status_code >= 500:
            return Answer.failed(f"status {answer.status_code}: {answer.text[:200]}")
        told = answer.json()
        if answer.status_code >= 400:
            codes = [reason["code"] for reason in told["reasons"]]
            return Answer.refused(*codes, text=told["reasons"][0]["message"])
        return Answer(_seen(told))


def _seen(told: Mapping[str, Any]) -> Seen:
    return Seen(told["id"], told["state"], told["version"], told["values"])
