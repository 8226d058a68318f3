"""The same request of two runs has one name, and what writes is told from what reads."""

from __future__ import annotations

import gzip
import json
from uuid import uuid4

import pytest

from local.faults.aws_calls import AwsCalls
from local.faults.call import Address, Call, masked
from local.faults.recording import Recording
from local.faults.snowflake_calls import call, named

SCOPE = "AWS4-HMAC-SHA256 Credential=local/20260101/ap-south-1/{}/aws4_request, SignedHeaders=host"


def aws_call(service: str, action: str, request: dict[str, object], calls: AwsCalls | None = None) -> Call:
    headers = {"Authorization": SCOPE.format(service), "X-Amz-Target": f"Any_20200101.{action}"}
    return (calls or AwsCalls()).call("POST", "/", headers, json.dumps(request).encode())


@pytest.mark.parametrize(
    ("method", "target", "name", "mutating"),
    [
        ("PUT", "/lake/a/b.csv", ("s3", "PutObject", "lake/a/b.csv"), True),
        ("GET", "/lake/a/b.csv", ("s3", "GetObject", "lake/a/b.csv"), False),
        ("HEAD", "/lake/a/b.csv", ("s3", "HeadObject", "lake/a/b.csv"), False),
        ("GET", "/lake?list-type=2&prefix=a%2F", ("s3", "ListObjects", "lake/a/"), False),
        ("POST", "/lake?delete", ("s3", "DeleteObjects", "lake"), True),
        ("POST", "/lake/a?uploads", ("s3", "CreateMultipartUpload", "lake/a"), True),
        ("PUT", "/lake/a?partNumber=2&uploadId=x", ("s3", "UploadPart", "lake/a part 2"), True),
        ("POST", "/lake/a?uploadId=x", ("s3", "CompleteMultipartUpload", "lake/a"), True),
        ("DELETE", "/lake/a?uploadId=x", ("s3", "AbortMultipartUpload", "lake/a"), True),
        ("DELETE", "/lake/a", ("s3", "DeleteObject", "lake/a"), True),
    ],
)
def test_s3_requests_by_method_and_path(
    method: str, target: str, name: tuple[str, str, str], mutating: bool
) -> None:
    found = AwsCalls().call(method, target, {"Authorization": SCOPE.format("s3")}, b"")
    assert (found.name, found.mutating) == (name, mutating)


def test_json_services_by_target_and_what_they_name() -> None:
    table = {"DatabaseName": "curated", "TableInput": {"Name": "sales"}}
    assert aws_call("glue", "UpdateTable", table).name == ("glue", "UpdateTable", "curated.sales")
    assert aws_call("glue", "GetTable", {"DatabaseName": "curated", "Name": "sales"}).mutating is False
    assert aws_call("glue", "StartJobRun", {"JobName": "curate"}).name == ("glue", "StartJobRun", "curate")
    assert aws_call("glue", "BatchStopJobRun", {"JobName": "curate"}).mutating is True


@pytest.mark.parametrize(
    ("method", "target", "action", "mutating"),
    [
        ("PUT", "/FeatureGroup/customers", "PutRecord", True),
        ("GET", "/FeatureGroup/customers?RecordIdentifierValueAsString=c1", "GetRecord", False),
        ("DELETE", "/FeatureGroup/customers?RecordIdentifierValueAsString=c1", "DeleteRecord", True),
        ("POST", "/BatchGetRecord", "BatchGetRecord", False),
    ],
)
def test_the_feature_store_by_method_and_path(method: str, target: str, action: str, mutating: bool) -> None:
    body = json.dumps({"Identifiers": [{"FeatureGroupName": "customers"}]}).encode()
    found = AwsCalls().call(method, target, {"Authorization": SCOPE.format("sagemaker")}, body)
    assert found == Call("sagemaker", action, "customers", mutating)


def test_form_services_by_their_action() -> None:
    headers = {"Authorization": SCOPE.format("sns")}
    found = AwsCalls().call("POST", "/", headers, b"Action=Publish&TopicArn=arn%3Aaws%3Asns%3Ax%3A1%3Aalerts")
    assert found == Call("sns", "Publish", "arn:aws:sns:x:1:alerts", mutating=True)


def test_a_write_that_only_moves_a_lease_is_a_heartbeat() -> None:
    calls, row = (
        AwsCalls(),
        {"id": {"S": "run/1"}, "status": {"S": "RUNNING"}, "lease_expires_at": {"N": "1"}},
    )

    def put(**changes: object) -> Call:
        return aws_call("dynamodb", "PutItem", {"TableName": "ledger", "Item": {**row, **changes}}, calls)

    assert (put().mutating, put().heartbeat) == (True, True)
    assert put(lease_expires_at={"N": "2"}).mutating is False
    closed = put(status={"S": "STOPPED"})
    assert (closed.mutating, closed.key) == (True, "ledger run/1 STOPPED")


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("MERGE INTO DW.FACT_SALES tgt USING x", ("MERGE INTO", "DW.FACT_SALES")),
        ("\n  insert into MONITORING.LOADS\n (a) SELECT", ("INSERT INTO", "MONITORING.LOADS")),
        ("COPY INTO CURATED.SALES_STAGE_8123456789012345678 FROM @x", ("COPY INTO", "CURATED.SALES_STAGE_*")),
        ("CREATE OR REPLACE TABLE CURATED.X (a INT)", ("CREATE OR REPLACE TABLE", "CURATED.X")),
        ("CREATE TEMPORARY TABLE IF NOT EXISTS X (a INT)", ("CREATE TEMPORARY TABLE IF NOT EXISTS", "X")),
        ("DROP TABLE IF EXISTS X", ("DROP TABLE IF EXISTS", "X")),
        ("UPDATE DW.FACT_MARKET SET a = 1", ("UPDATE", "DW.FACT_MARKET")),
        ("DELETE FROM X WHERE a", ("DELETE FROM", "X")),
        ("TRUNCATE TABLE X", ("TRUNCATE TABLE", "X")),
        ("SELECT 1 FROM dw.fact_sales", ("SELECT", "DW.FACT_SALES")),
        ("-- why\nBEGIN", ("BEGIN", "")),
        ("COMMIT", ("COMMIT", "")),
        ("rollback", ("ROLLBACK", "")),
    ],
)
def test_statements_by_their_first_words_and_table(sql: str, name: tuple[str, str]) -> None:
    assert named(sql) == name


@pytest.mark.parametrize(
    ("sql", "mutating"),
    [
        ("COMMIT", True),
        ("BEGIN", False),
        ("ALTER SESSION SET X = 1", False),
        ("SELECT 1", False),
        ("MERGE INTO X", True),
    ],
)
def test_which_statements_write(sql: str, mutating: bool) -> None:
    body = gzip.compress(json.dumps({"sqlText": sql}).encode())
    found = call("POST", "/queries/v1/query-request?requestId=1", {"Content-Encoding": "gzip"}, body)
    assert (found.service, found.mutating) == ("snowflake", mutating)


def test_what_differs_between_two_runs_is_masked() -> None:
    assert masked(f"run/{uuid4()}") == "run/*"
    assert masked("curate/0f3b9c1d2e4f5a6b7c8d9e0f") == "curate/*"
    assert masked("metadata/00001-" + str(uuid4()) + ".metadata.json") == "metadata/00001-*.metadata.json"
    assert masked("curated/sales/raw_date=2025-01-06/part-0.parquet").endswith(
        "raw_date=2025-01-06/part-0.parquet"
    )


def test_heartbeats_do_not_move_the_numbers_of_other_calls() -> None:
    recording, put = Recording(), Call("dynamodb", "PutItem", "ledger run/* RUNNING", mutating=True)
    beat = Call("dynamodb", "PutItem", "ledger run/* RUNNING", mutating=False, heartbeat=True)
    for each in (put, beat, beat, put):
        recording.add(each)
    assert recording.mutating == [Address(*put.name, nth=1), Address(*put.name, nth=2)]
    calmer = Recording()
    for each in (put, put):
        calmer.add(each)
    assert recording.differs_from(calmer) == set()
    calmer.add(Call("s3", "PutObject", "lake/x", mutating=True))
    assert recording.differs_from(calmer) == {Address("s3", "PutObject", "lake/x")}


def test_statements_before_which_another_transaction_may_come() -> None:
    recording = Recording()
    for text in (
        "CREATE TEMPORARY TABLE stage (a INT)",
        "BEGIN",
        "SELECT 1",
        "UPDATE locks SET a = 1",
        "MERGE INTO facts USING stage ON TRUE WHEN NOT MATCHED THEN INSERT (a) VALUES (1)",
        "COMMIT",
        "INSERT INTO records VALUES (1)",
    ):
        action, key = named(text)
        recording.add(Call("snowflake", action, key, mutating=action not in ("BEGIN", "SELECT")))
    assert [f"{found.action} {found.key}" for found in recording.between_transactions] == [
        "CREATE TEMPORARY TABLE STAGE",
        "UPDATE LOCKS",
        "INSERT INTO RECORDS",
    ]
