"""The runtime of the feature store: PutRecord, GetRecord, BatchGetRecord and DeleteRecord.

Requests are answered before moto's dispatcher, which has no such service and takes longer than the work itself: a flow
puts a record for each customer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from moto.core import DEFAULT_ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from local.aws.actions import Overrides
from local.aws.refusals import NOT_RETRIED, SEE
from local.aws.sagemaker import feature_store_groups
from local.aws.sagemaker.feature_store_groups import FeatureGroup, name_of, not_found, seconds_of
from local.aws.sagemaker.feature_store_offline import OfflineStore
from local.aws.sagemaker.feature_store_online import OnlineStore
from local.aws.sagemaker.feature_store_records import Record, RequestError, deletion, moment, record_of

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Answer = tuple[str, list[tuple[str, str]], bytes]
_GROUP = "/FeatureGroup/"
_BATCHES = ("/BatchGetRecord", "/BatchWriteRecord")
_SIGNED = "/sagemaker/aws4_request"
_STORES = ("OnlineStore", "OfflineStore")
_REASONS = {400: "Bad Request", 404: "Not Found", NOT_RETRIED: "Not Implemented"}
_IDENTIFIERS = 100
_JSON = ("Content-Type", "application/json")


@dataclass(frozen=True)
class Request:
    """A request. Query parameters have a list of values each, the body's have their JSON."""

    method: str
    path: str
    region: str
    query: Mapping[str, Sequence[str]]
    body: bytes

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, (default,))[0]

    def json(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.body)
        except ValueError as error:
            raise RequestError(f"Validation Error: the request's body is not JSON: {error}.") from error
        return found


class FeatureStore:
    """Both stores, and the answers to requests."""

    def __init__(self, s3: Any, offline_seconds: float) -> None:
        self.online = OnlineStore()
        self.offline = OfflineStore(s3, offline_seconds)

    def install(self, overrides: Overrides) -> None:
        feature_store_groups.install(overrides, self._deleted)

    def close(self) -> None:
        self.offline.close()

    def _deleted(self, group: FeatureGroup) -> None:
        """Of a deleted group the offline store stays, with all that was put: a new one of its name gets none of it."""
        self.online.forget(group)
        self.offline.flush()

    def before(self, application: Wsgi) -> Wsgi:
        """WSGI middleware: requests of the runtime are answered here. All others go to `application`."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path, signed = environ["PATH_INFO"], environ.get("HTTP_AUTHORIZATION", "")
            if not (path.startswith(_GROUP) or path in _BATCHES) or _SIGNED not in signed:
                return application(environ, start_response)
            length = int(environ.get("CONTENT_LENGTH") or 0)
            request = Request(
                environ["REQUEST_METHOD"],
                path,
                signed.split("/")[2],
                parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True),
                environ["wsgi.input"].read(length) if length else b"",
            )
            status, headers, body = self._answered(request)
            start_response(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]

        return answer

    def _answered(self, request: Request) -> Answer:
        try:
            found = self._answer(request)
        except (KeyError, TypeError, AttributeError) as malformed:
            return _refusal(RequestError(f"Validation Error: the request is malformed: {malformed}."))
        except RequestError as error:
            return _refusal(error)
        return "200 OK", [_JSON], b"" if found is None else json.dumps(found).encode()

    def _answer(self, request: Request) -> dict[str, Any] | None:
        match request.method, request.path:
            case "PUT", _:
                self._put(request)
                return None
            case "GET", _:
                return self._get(request)
            case "DELETE", _:
                self._delete(request)
                return None
            case "POST", "/BatchGetRecord":
                return self._batch_get(request)
        what = request.path.rpartition("/")[2]
        raise RequestError(f"the local feature store has no {what}: {SEE}", "InvalidAction", NOT_RETRIED)

    def _put(self, request: Request) -> None:
        group, given = _group_to_write(request), request.json()
        ttl = seconds_of(given.get("TtlDuration"))
        record = record_of(group, given["Record"], group.ttl_seconds if ttl is None else ttl)
        stores = _stores(group, given.get("TargetStores"))
        if "OnlineStore" in stores:
            self.online.put(group, record)
        if "OfflineStore" in stores:
            self.offline.add(group, record)

    def _delete(self, request: Request) -> None:
        group, mode = _group_to_write(request), request.one("DeletionMode", "SoftDelete")
        if mode not in ("SoftDelete", "HardDelete"):
            raise RequestError(f"Validation Error: DeletionMode {mode} is neither SoftDelete nor HardDelete.")
        mark = deletion(group, request.one("RecordIdentifierValueAsString"), request.one("EventTime"))
        stores = _stores(group, request.query.get("TargetStores"))
        if "OnlineStore" in stores:
            self.online.delete(group, mark, is_hard=mode == "HardDelete")
        if "OfflineStore" in stores:
            self.offline.add(group, mark)

    def _get(self, request: Request) -> dict[str, Any]:
        name = request.path.removeprefix(_GROUP)
        group = _group(request.region, name)
        if group is None:
            raise RequestError(not_found(name_of(name)), "ResourceNotFound", 404)
        features = request.query.get("FeatureName", ())
        _check_read(group, features)
        record = self.online.get(group, request.one("RecordIdentifierValueAsString"))
        if record is None:
            return {}
        return _shown(record, features, request.one("ExpirationTimeResponse"))

    def _batch_get(self, request: Request) -> dict[str, Any]:
        given = request.json()
        records: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        if not 1 <= len(given["Identifiers"]) <= _IDENTIFIERS:
            raise RequestError(f"Validation Error: Identifiers must be 1 to {_IDENTIFIERS}.")
        for wanted in given["Identifiers"]:
            name, ids = name_of(wanted["FeatureGroupName"]), wanted["RecordIdentifiersValueAsString"]
            features = wanted.get("FeatureNames", ())
            if not 1 <= len(ids) <= _IDENTIFIERS:
                raise RequestError(
                    f"Validation Error: RecordIdentifiersValueAsString must be 1 to {_IDENTIFIERS}."
                )
            group = _group(request.region, name)
            for id_ in ids:
                of = {"FeatureGroupName": name, "RecordIdentifierValueAsString": id_}
                if group is None:
                    errors.append({**of, "ErrorCode": "ResourceNotFound", "ErrorMessage": not_found(name)})
                    continue
                _check_read(group, features)
                if record := self.online.get(group, id_):
                    records.append(of | _shown(record, features, given.get("ExpirationTimeResponse", "")))
        return {"Records": records, "Errors": errors, "UnprocessedIdentifiers": []}


def _refusal(error: RequestError) -> Answer:
    body = json.dumps({"Message": error.message}).encode()
    return f"{error.status} {_REASONS[error.status]}", [_JSON, ("x-amzn-ErrorType", error.code)], body


def _group(region: str, name_or_arn: str) -> FeatureGroup | None:
    arn = f"arn:aws:sagemaker:{region}:{DEFAULT_ACCOUNT_ID}:feature-group/{name_of(name_or_arn).lower()}"
    found: FeatureGroup | None = sagemaker_backends[DEFAULT_ACCOUNT_ID][region].feature_groups.get(arn)
    return found


def _group_to_write(request: Request) -> FeatureGroup:
    """The group of a write. An unknown one is a ValidationError there, as on AWS, where a read has ResourceNotFound."""
    name = request.path.removeprefix(_GROUP)
    group = _group(request.region, name)
    if group is None:
        raise RequestError(not_found(name_of(name)))
    return group


def _stores(group: FeatureGroup, wanted: Sequence[str] | None) -> Sequence[str]:
    configured = (group.online is not None, group.offline is not None)
    there = [store for store, is_there in zip(_STORES, configured, strict=True) if is_there]
    for store in wanted or ():
        if store not in there:
            raise RequestError(f"Validation Error: FeatureGroup {group.name} has no {store}.")
    return wanted or there


def _check_read(group: FeatureGroup, features: Iterable[str]) -> None:
    if group.online is None:
        raise RequestError(f"Validation Error: FeatureGroup {group.name} has no OnlineStore.")
    if unknown := [name for name in features if name not in group.types]:
        raise RequestError(
            f"Validation Error: FeatureGroup {group.name} has no features {', '.join(unknown)}."
        )


def _shown(record: Record, features: Sequence[str], expiration: str) -> dict[str, Any]:
    """A record as GetRecord shows it: the features that have a value, all or the wanted ones."""
    values = record.values or {}
    names = [name for name in features if name in values] if features else values
    found: dict[str, Any] = {
        "Record": [{"FeatureName": name, "ValueAsString": values[name]} for name in names]
    }
    if expiration == "Enabled" and record.expires is not None:
        found["ExpiresAt"] = f"{moment(record.expires):%Y-%m-%dT%H:%M:%SZ}"
    return found
