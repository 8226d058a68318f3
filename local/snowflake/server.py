"""fakesnow's HTTP server with our sessions, and with the local S3 available to COPY INTO."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import fakesnow.server
import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from local.snowflake import values
from local.snowflake.access.account_access import LoginRefused
from local.snowflake.account import Account
from local.snowflake.lake import LakeFileSystem
from local.snowflake.results import LargeResults
from local.snowflake.session import Session
from local.snowflake.translations import parsed

log = logging.getLogger("local.snowflake")

LOOPBACK = "127.0.0.1"
SECONDS_BETWEEN_LOOKS_AT_CLIENTS = 1.0
_FORWARDED_PORT = re.compile(r'for="127\.0\.0\.1:(\d+)"')

fakesnow.server.to_sf = values.as_snowflake
fakesnow.server.from_binding = values.bound
fakesnow.server.parse_one = parsed


def serve(port: int, state: Path, aws_endpoint: str, memory: str) -> None:
    databases = state / "databases"
    databases.mkdir(parents=True, exist_ok=True)
    account = open_account(databases, aws_endpoint, memory)
    fakesnow.server.shared_fs = account
    uvicorn.run(application(), host=LOOPBACK, port=port, log_level="warning", access_log=False)
    account.duck_conn.close()


def open_account(databases: Path, aws_endpoint: str, memory: str = "2GB") -> Account:
    account = Account(str(databases), LakeFileSystem(aws_endpoint))
    spill = databases / "spill"
    account.duck_conn.execute(f"SET GLOBAL memory_limit = '{memory}'")
    account.duck_conn.execute(f"SET GLOBAL temp_directory = '{spill}'")
    for file in sorted(databases.glob("*.db")):
        account.attach(file.stem)
    account.access.open(account.duck_conn)
    return account


def application() -> Starlette:
    replaced = {
        "/session/v1/login-request": login,
        "/queries/v1/query-request": query,
        "/session": close_session,
    }
    routes = [Route(path, handler, methods=["POST"]) for path, handler in replaced.items()]
    kept = [route for route in fakesnow.server.routes if route.path not in replaced]
    own = [Route("/health", health), Route("/results/{result}/{number:int}", chunk)]
    return Starlette(routes=[*routes, *kept, *own], lifespan=_watching_clients)


async def health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def login(request: Request) -> Response:
    asked, access = await _body(request), fakesnow.server.shared_fs.access
    query = request.query_params
    try:
        standing = access.standing(
            str(asked["data"].get("LOGIN_NAME", "")), query.get("roleName"), query.get("warehouse")
        )
    except LoginRefused as why:
        refused = {"errorCode": why.code, "nextAction": "RETRY_LOGIN", "authnMethod": "USERNAME_PASSWORD"}
        return JSONResponse({"data": refused, "code": why.code, "message": str(why), "success": False})
    response: Response = await fakesnow.server.login_request(request)
    answer = json.loads(bytes(response.body))
    token = answer["data"]["token"]
    answer["data"]["masterToken"] = token  # without it, the connector does not close its session
    session = fakesnow.server.sessions[token]
    parameters = asked["data"].get("SESSION_PARAMETERS") or {}
    if isinstance(session, Session):
        session.query_tag = str(parameters.get("QUERY_TAG", ""))
        session.log_in(standing)
        answer["data"]["sessionInfo"] = {
            "databaseName": session.database,
            "schemaName": session.schema,
            "warehouseName": standing.warehouse,
            "roleName": standing.role,
        }
    return JSONResponse(answer)


async def close_session(request: Request) -> Response:
    """Close a session: roll back its transaction and drop its temporary tables."""
    session = _session_of(request) if request.query_params.get("delete") else None
    response: Response = await fakesnow.server.session(request)
    if session:
        await run_in_threadpool(session.abandon)
    return response


async def _body(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    asked: dict[str, Any] = json.loads(body)
    return asked


async def query(request: Request) -> Response:
    asked, session = await _body(request), _session_of(request)
    if session is None:
        return await _answered(request)
    return await session.requests.answer(
        request.query_params.get("requestId"), partial(_of_session, session, request, asked)
    )


async def _of_session(session: Session, request: Request, asked: dict[str, Any]) -> Response:
    tag = (asked.get("parameters") or {}).get("QUERY_TAG")
    if tag is not None:
        session.query_tag = str(tag)
    response: Response = await _answered(request)
    if session.large_results:
        response = _with_chunks(request, response, session)
    if session.leaves_something and session.client is None and (port := _client_port(request)):
        session.client = await run_in_threadpool(process_that_connected_from, port)
    return response


def _with_chunks(request: Request, response: Response, session: Session) -> Response:
    answer = json.loads(bytes(response.body))
    if result := session.large_results.of((answer["data"] or {}).get("queryId")):
        answer["data"] |= result.answer(f"{request.url.scheme}://{request.url.netloc}")
        return JSONResponse(answer)
    return response


async def chunk(request: Request) -> Response:
    """The rows of a large result, a file at a time."""
    large: LargeResults = fakesnow.server.shared_fs.large_results
    found = large.chunk(request.path_params["result"], request.path_params["number"])
    if found is None:
        return Response(status_code=404)
    return FileResponse(found.path, background=BackgroundTask(found.note_fetched))


def _client_port(request: Request) -> int | None:
    """The client's port. A proxy (local/faults) sends it in the Forwarded header."""
    forwarded = _FORWARDED_PORT.search(request.headers.get("Forwarded", ""))
    if forwarded:
        return int(forwarded[1])
    return request.client.port if request.client else None


async def _answered(request: Request) -> Response:
    """Return failures as Snowflake error responses: the connector would retry HTTP 500 for minutes."""
    try:
        response: Response = await fakesnow.server.query_request(request)
        if response.status_code != 500:
            return response
        message = json.loads(bytes(response.body))["message"]
    except Exception as failure:
        log.exception("event=statement outcome=broken")
        message = f"{type(failure).__name__}: {failure}"
    return JSONResponse(
        {
            "data": {"errorCode": "000002", "sqlState": "0A000"},
            "code": "000002",
            "message": f"Unsupported feature: the local Snowflake cannot run this statement: {message}",
            "success": False,
        }
    )


def _session_of(request: Request) -> Session | None:
    with suppress(fakesnow.server.ServerError):
        session = fakesnow.server.sessions.get(fakesnow.server.to_token(request))
        return session if isinstance(session, Session) else None
    return None


def process_that_connected_from(client_port: int) -> psutil.Process | None:
    """The process at the other end of a loopback connection. None if the operating system does not say."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp4"):
            if connection.laddr and connection.laddr.port == client_port and connection.pid:
                return psutil.Process(connection.pid)
    return None


@asynccontextmanager
async def _watching_clients(_: Starlette) -> AsyncIterator[None]:
    watch = asyncio.create_task(_clean_up_after_dead_clients())
    yield
    watch.cancel()


async def _clean_up_after_dead_clients() -> None:
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS_AT_CLIENTS)
        for token, session in list(fakesnow.server.sessions.items()):
            if isinstance(session, Session) and _is_orphaned(session):
                fakesnow.server.sessions.pop(token, None)
                log.warning("event=session_abandoned tag=%r", session.query_tag)
                await run_in_threadpool(session.abandon)


def _is_orphaned(session: Session) -> bool:
    return session.leaves_something and session.client is not None and not _is_alive(session.client)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
