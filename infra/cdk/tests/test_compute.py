from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-compute"


def test_jobs_bring_their_code_and_encrypt_what_they_write(prod: Templates) -> None:
    jobs = prod[NAME].properties("AWS::Glue::Job")
    assert {job["GlueVersion"] for job in jobs} == {"5.1"}
    assert {job["SecurityConfiguration"]["Ref"] for job in jobs} == {"Security"}
    archives = {job["Name"]: str(job["DefaultArguments"]["--extra-py-files"]).count(".zip") for job in jobs}
    assert archives.pop("highwater-silver") == 2  # the library of phone numbers beside our own code
    assert set(archives.values()) == {1}
    for job in jobs:
        assert str(job["Command"]["ScriptLocation"]).count(".py") == 1
    encryption = prod[NAME].one("AWS::Glue::SecurityConfiguration")["EncryptionConfiguration"]
    assert encryption["S3Encryptions"][0]["S3EncryptionMode"] == "SSE-KMS"
    assert encryption["CloudWatchEncryption"]["CloudWatchEncryptionMode"] == "SSE-KMS"


def test_a_failed_job_is_repeated_by_the_flow_alone(prod: Templates) -> None:
    assert {job["MaxRetries"] for job in prod[NAME].properties("AWS::Glue::Job")} == {0}


def test_production_is_given_more_workers_than_development(prod: Templates, dev: Templates) -> None:
    def sizes(templates: Templates) -> set[tuple[str, int]]:
        return {
            (job["WorkerType"], job["NumberOfWorkers"])
            for job in templates[NAME].properties("AWS::Glue::Job")
        }

    assert sizes(prod) == {("G.2X", 5)}
    assert sizes(dev) == {("G.1X", 2)}
