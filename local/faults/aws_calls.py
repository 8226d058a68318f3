"""Classify AWS requests: S3 and the feature store by method and path, others by X-Amz-Target, path or form fields."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local.faults.call import Call, masked

_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")
_READS = ("Get", "List", "Describe", "Head", "Search", "Scan", "Query", "BatchGet", "Receive", "TransactGet")
_CBOR = re.compile(r"^/service/[^/]+/operation/(?P<action>\w+)$")
_RECORD = re.compile(r"^/FeatureGroup/(?P<group>[^/]+)$")
_RECORD_ACTIONS = {"PUT": "PutRecord", "GET": "GetRecord", "DELETE": "DeleteRecord"}
# Lease expiry and TTL of a ledger row. A write that changes nothing else is a heartbeat.
_OF_TIME = frozenset({"lease_expires_at", "expires_at"})
_NAMES = (
    *("JobName", "Name", "TrainingJobName", "ProcessingJobName", "TransformJobName", "ModelName"),
    *("ModelPackageName", "ModelPackageGroupName", "SecretId", "QueueUrl", "TopicArn", "Namespace"),
    "FeatureGroupName",
)


class AwsCalls:
    """Classifies AWS requests. Keeps the rows that were written, to recognise heartbeats: they change only the expiry."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    def call(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Call:
        service = _service(headers)
        if service == "s3":
            return _s3(method, target, headers)
        action, request = _asked(method, target, headers, body)
        key, heartbeat = _key(service, request), False
        if service == "dynamodb" and action == "PutItem":
            heartbeat = self._is_heartbeat(request)
        mutating = not action.startswith(_READS) and not heartbeat
        return Call(service, action, masked(key), mutating, heartbeat)

    def _is_heartbeat(self, request: dict[str, Any]) -> bool:
        item = {name: value for name, value in request["Item"].items() if name not in _OF_TIME}
        row = f"{request['TableName']} {request['Item'].get('id')}"
        known = self._rows.get(row)
        self._rows[row] = item
        return known == item


def _service(headers: Mapping[str, str]) -> str:
    found = _SCOPE.search(headers.get("Authorization", ""))
    return found["service"] if found else "s3"


def _asked(method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[str, dict[str, Any]]:
    if wanted := headers.get("X-Amz-Target"):
        return wanted.rpartition(".")[2], json.loads(body or b"{}")
    path = urlsplit(target).path
    if found := _CBOR.match(path):
        return found["action"], {}
    if found := _RECORD.match(path):
        return _RECORD_ACTIONS.get(method, "?"), {"FeatureGroupName": unquote(found["group"])}
    if path == "/BatchGetRecord":
        return "BatchGetRecord", json.loads(body)["Identifiers"][0]
    form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    return form.get("Action", "?"), form


def _key(service: str, request: dict[str, Any]) -> str:
    if service == "dynamodb":
        row = request.get("Item") or request.get("Key") or {}
        parts = [request.get("TableName", ""), *(row.get(n, {}).get("S", "") for n in ("id", "status"))]
        return " ".join(part for part in parts if part)
    if table := request.get("TableInput"):
        return f"{request['DatabaseName']}.{table['Name']}"
    if "DatabaseName" in request:
        return f"{request['DatabaseName']}.{request.get('Name', '')}".removesuffix(".")
    return next((str(request[name]) for name in _NAMES if name in request), "")


def _s3(method: str, target: str, headers: Mapping[str, str]) -> Call:
    url = urlsplit(target)
    asked = parse_qs(url.query, keep_blank_values=True)
    path = unquote(url.path).lstrip("/")
    is_object = "/" in path.rstrip("/")
    action = _s3_action(method, asked, is_object, "x-amz-copy-source" in headers)
    key = path if is_object else "/".join((path.rstrip("/"), *asked.get("prefix", ())))
    if "partNumber" in asked:
        key += f" part {asked['partNumber'][0]}"
    return Call("s3", action, masked(key), mutating=method not in ("GET", "HEAD"))


def _s3_action(method: str, asked: Mapping[str, list[str]], is_object: bool, is_copy: bool) -> str:
    if method == "POST":
        if "delete" in asked:
            return "DeleteObjects"
        return "CreateMultipartUpload" if "uploads" in asked else "CompleteMultipartUpload"
    if method == "PUT" and "partNumber" in asked:
        return "UploadPart"
    if method == "DELETE" and "uploadId" in asked:
        return "AbortMultipartUpload"
    if method == "PUT" and is_copy:
        return "CopyObject"
    if method == "GET" and not is_object:
        return "ListObjects"
    return f"{method.capitalize()}{'Object' if is_object else 'Bucket'}"
