"""EnableNetworkIsolation keeps a job's program from every network and credential, and VpcConfig is kept as it was given."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local.aws.server import LocalAws
from tests.local.aws.conftest import archive, cut_off

# What the program of a job can reach: the local AWS, and a port of its own.
LOOK = """
import json, os, pathlib, socket, sys
def reached(address):
    try:
        socket.create_connection(address, 2).close()
        return True
    except OSError:
        return False
own = socket.socket()
own.bind(("127.0.0.1", 0))
own.listen()
secrets = sorted(name for name in os.environ if name.startswith("AWS_") and "REGION" not in name)
found = {"aws": reached(("127.0.0.1", int(sys.argv[2]))), "itself": reached(own.getsockname()), "secrets": secrets}
"""
TRAIN = f"{LOOK}pathlib.Path(os.environ['SM_MODEL_DIR'], 'found.json').write_text(json.dumps(found))"
PROCESS = f"{LOOK}pathlib.Path('/opt/ml/processing/output/found/found.json').write_text(json.dumps(found))"
ANSWER = """
import json, sys
def model_fn(model_dir):
    return None
def transform_fn(model, port, content_type, accept):
    sys.argv = ["", "port", port]
    import look
    return json.dumps(look.found), accept
"""
ALONE = {"aws": False, "itself": True, "secrets": []}
VPC = {"Subnets": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0a"]}


@pytest.fixture
def port(aws: LocalAws) -> str:
    return str(urlsplit(aws.url).port)


def in_a_channel(s3: Any, key: str, script: str) -> dict[str, Any]:
    """The request of a training whose code comes in the channel `code`."""
    s3.put_object(Bucket="scripts", Key=key, Body=archive({"train.py": script}))
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://scripts/{key}"}
    return {"InputDataConfig": [{"ChannelName": "code", "DataSource": {"S3DataSource": source}}]}


CODE = "/opt/ml/input/data/code/sourcedir.tar.gz"


@cut_off
def test_an_isolated_training_reaches_nothing_but_itself(
    train: Any, s3: Any, unpacked: Any, port: str
) -> None:
    code = in_a_channel(s3, "isolated/sourcedir.tar.gz", TRAIN)

    job = train(
        "",
        {"port": port, "sagemaker_submit_directory": CODE},
        EnableNetworkIsolation=True,
        VpcConfig=VPC,
        **code,
    )

    assert job["TrainingJobStatus"] == "Completed", job
    assert json.loads(unpacked(job["ModelArtifacts"]["S3ModelArtifacts"])["found.json"]) == ALONE
    assert (job["EnableNetworkIsolation"], job["VpcConfig"]) == (True, VPC)


def test_without_isolation_a_training_reaches_aws(train: Any, unpacked: Any, port: str) -> None:
    job = train(TRAIN, {"port": port})

    found = json.loads(unpacked(job["ModelArtifacts"]["S3ModelArtifacts"])["found.json"])
    assert (found["aws"], found["itself"]) == (True, True)
    assert "AWS_ACCESS_KEY_ID" in found["secrets"]


@cut_off
@pytest.mark.parametrize("isolated", [True, False])
def test_an_isolated_processing_job_reaches_nothing_but_itself(
    process: Any, objects: Any, port: str, isolated: bool
) -> None:
    name, local = f"isolation/{isolated}", "/opt/ml/processing/output/found"
    target = {"S3Uri": f"s3://lake/{name}", "LocalPath": local, "S3UploadMode": "EndOfJob"}

    job = process(
        PROCESS,
        ["port", port],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "found", "S3Output": target}]},
        NetworkConfig={"EnableNetworkIsolation": isolated},
    )

    assert job["ProcessingJobStatus"] == "Completed", job
    found = json.loads(objects(name)["found.json"])
    assert found == ALONE if isolated else found["aws"]
    assert job["NetworkConfig"] == {"EnableNetworkIsolation": isolated}


@cut_off
@pytest.mark.parametrize("isolated", [True, False])
def test_a_transform_has_the_network_of_its_model(
    make_model: Any, transform: Any, sagemaker: Any, s3: Any, objects: Any, port: str, isolated: bool
) -> None:
    key = f"asked-{isolated}"
    s3.put_object(Bucket="lake", Key=f"{key}/one", Body=port.encode())
    model = make_model({"code/inference.py": ANSWER, "code/look.py": LOOK}, EnableNetworkIsolation=isolated)

    job = transform(
        model,
        key,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://lake/{key}/"}},
            "ContentType": "text/plain",
        },
        TransformOutput={"S3OutputPath": f"s3://lake/out-{key}", "Accept": "text/plain"},
    )

    assert job["TransformJobStatus"] == "Completed", job
    found = json.loads(objects(f"out-{key}")["one.out"])
    assert found == ALONE if isolated else found["aws"]
    assert sagemaker.describe_model(ModelName=model)["EnableNetworkIsolation"] is isolated


def test_code_in_s3_is_out_of_an_isolated_containers_reach(train: Any) -> None:
    """The toolkit in the container fetches it, and not SageMaker."""
    job = train(TRAIN, EnableNetworkIsolation=True)

    assert job["TrainingJobStatus"] == "Failed"
    assert "the container can't fetch s3://scripts/" in job["FailureReason"]
    assert "Give the code in a channel" in job["FailureReason"]


def test_code_in_a_channel_is_a_folder_or_an_archive(train: Any, s3: Any) -> None:
    """As sagemaker-containers takes it: download_and_extract of _files.py."""
    s3.put_object(Bucket="scripts", Key="folder/train.py", Body=b"print('metric a=1')")
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://scripts/folder/"}
    folder = {"InputDataConfig": [{"ChannelName": "code", "DataSource": {"S3DataSource": source}}]}
    submitted = {"sagemaker_submit_directory": "/opt/ml/input/data/code"}
    assert train("", submitted, **folder)["TrainingJobStatus"] == "Completed"

    packed = in_a_channel(s3, "packed/sourcedir.tar.gz", "print('metric a=1')")
    assert train("", {"sagemaker_submit_directory": CODE}, **packed)["TrainingJobStatus"] == "Completed"

    missing = {"sagemaker_submit_directory": "/opt/ml/input/data/code/other.tar.gz"}
    failed = train("", missing, **packed)
    assert "No such file or directory: '/opt/ml/input/data/code/other.tar.gz'" in failed["FailureReason"]


@pytest.mark.parametrize(
    "vpc",
    [
        {**VPC, "SecurityGroupIds": [f"sg-{n}" for n in range(6)]},
        {**VPC, "Subnets": [f"subnet-{n}" for n in range(17)]},
        {**VPC, "Subnets": ["subnet/0a"]},
    ],
)
def test_a_network_that_aws_refuses_is_refused(
    start_training: Any, process: Any, make_model: Any, vpc: Any
) -> None:
    for create in (
        lambda: start_training("", VpcConfig=vpc),
        lambda: process("", NetworkConfig={"VpcConfig": vpc}),
        lambda: make_model({"code/inference.py": ""}, VpcConfig=vpc),
    ):
        with pytest.raises(ClientError, match="at 'vpcConfig"):
            create()
