from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-lake"
OTHERS = "arn:aws:iam::111122223333:role/deliveries"


def _statements(prod: Templates) -> dict[str, dict[str, Any]]:
    (key,) = prod[NAME].properties("AWS::KMS::Key")
    policies = [p["PolicyDocument"] for p in prod[NAME].properties("AWS::S3::BucketPolicy")]
    (bucket,) = [s for p in policies for s in p["Statement"] if s.get("Sid") == "Partners"]
    (of_key,) = [s for s in key["KeyPolicy"]["Statement"] if s.get("Sid") == "Partners"]
    return {"bucket": bucket, "key": of_key}


def test_a_partner_writes_into_the_folder_of_its_account_and_reads_nothing(prod: Templates) -> None:
    statement = _statements(prod)["bucket"]
    assert statement["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject"]
    bucket, folder = statement["Resource"]["Fn::Join"][1]
    assert bucket["Fn::GetAtt"][0].startswith("Inbox")
    assert folder == "/inbox/${aws:PrincipalAccount}/*"


def test_a_partner_uses_the_key_for_the_inbox_alone(prod: Templates) -> None:
    statement = _statements(prod)["key"]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    allowed = statement["Condition"]["StringEquals"]
    assert ":s3:::highwater-inbox-" in allowed["kms:EncryptionContext:aws:s3:arn"]["Fn::Join"][1]
    assert allowed["kms:ViaService"]["Fn::Join"][1] == ["s3.", {"Ref": "AWS::Region"}, ".amazonaws.com"]


def test_without_a_partner_the_statements_name_our_own_account(prod: Templates) -> None:
    assert prod[NAME].content["Parameters"]["InboxPartners"]["Default"] == ""
    for statement in _statements(prod).values():
        condition, partners, nobody = statement["Principal"]["AWS"]["Fn::If"]
        assert (condition, partners) == ("PartnersKnown", {"Fn::Split": [",", {"Ref": "InboxPartners"}]})
        assert nobody["Fn::Join"][1][-2:] == [{"Ref": "AWS::AccountId"}, ":root"]


def test_a_partner_is_a_principal_and_never_everybody(prod: Templates) -> None:
    pattern = re.compile(prod[NAME].content["Parameters"]["InboxPartners"]["AllowedPattern"])
    wanted = {
        "": True,
        OTHERS: True,
        f"{OTHERS},arn:aws:iam::444455556666:root": True,
        "*": False,
        "arn:aws:iam::111122223333:role/*": False,
        f"{OTHERS},*": False,
        "111122223333": False,
    }
    assert {given: bool(pattern.fullmatch(given)) for given in wanted} == wanted
