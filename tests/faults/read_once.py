"""Work that every run would do alike: a process that forks runs does it once for all of them, or leaves it out."""

from __future__ import annotations

import ssl
from functools import cache, partial

import botocore.session
import prefect_snowflake.credentials
from botocore.loaders import Loader, create_loader
from prefect.events.clients import NullEventsClient
from prefect.events.worker import EventsWorker
from snowflake.connector.auth import keypair

_SERVICES = ("s3", "glue", "dynamodb", "sns", "sqs", "sagemaker", "secretsmanager", "cloudwatch")


def read_all() -> None:
    _service_models()
    _certificates()
    _do_not_check_keys()
    EventsWorker.set_client_override(NullEventsClient)  # nobody listens to the events of trials


def _service_models() -> None:
    """The files that describe AWS's services. A run that reads them itself spends a third of its time on that."""
    loader: Loader = create_loader()
    botocore.session.create_loader = lambda _search_path=None: loader
    session = botocore.session.get_session()
    for service in _SERVICES:
        session.get_service_model(service)
        loader.load_service_model(service, "endpoint-rule-set-1")
    session.get_available_regions("s3")


def _certificates() -> None:
    """Each of Prefect's clients reads the certificates of all authorities, even where its server has no TLS."""
    ssl.create_default_context = cache(ssl.create_default_context)
    ssl.create_default_context()


def _do_not_check_keys() -> None:
    """A login checks twice that its private key is valid, which takes 37 ms each time. The local one always is."""
    for module, name in (
        (prefect_snowflake.credentials, "load_pem_private_key"),
        (keypair, "load_der_private_key"),
    ):
        setattr(module, name, partial(getattr(module, name), unsafe_skip_rsa_key_validation=True))
