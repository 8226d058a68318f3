"""The queue and its dead letters on the local AWS."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from deployments.inbox_events import Message
from deployments.inbox_queue import Queue, redrive
from local import resources
from local.aws.server import LocalAws
from local.message_resources import create_queue
from tasks.errors import SystemFault
from tasks.services import aws as clients
from tests.tasks import aws_calls

aws_calls.watch()

ROOT = Path(__file__).parents[2]
EVENTS, DEAD = resources.INBOX_EVENTS.name, resources.INBOX_DEAD_LETTERS.name


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    server = LocalAws(port=0, state=tmp_path_factory.mktemp("aws"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sqs(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {**aws.environment, "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    clients.sqs.cache_clear()
    for queue in (resources.INBOX_DEAD_LETTERS, resources.INBOX_EVENTS):
        create_queue(clients.sqs(), queue)
    yield clients.sqs()
    urlopen(Request(f"{aws.url}/moto-api/reset", method="POST")).close()
    clients.sqs.cache_clear()


def receive(queue: Queue, seconds: int = 60) -> list[Message]:
    return queue.receive(wait_seconds=0, hide_seconds=seconds)


def fill(queue: Queue, number: int) -> None:
    for n in range(number):
        clients.sqs().send_message(QueueUrl=queue.url, MessageBody=f"{n}")


def all_of(queue: Queue) -> list[Message]:
    found: list[Message] = []
    while some := receive(queue):
        found += some
    return found


def test_a_message_says_how_often_it_was_received(sqs: Any) -> None:
    queue = Queue(EVENTS)
    fill(queue, 1)

    receives = []
    for _ in range(2):
        (message,) = receive(queue, seconds=1)
        receives.append((message.body, message.receives))
        time.sleep(1.1)

    assert receives == [("0", 1), ("0", 2)]


def test_more_than_ten_are_deleted_and_nothing_else(sqs: Any) -> None:
    queue = Queue(EVENTS)
    fill(queue, 25)
    messages = all_of(queue)

    assert queue.delete(messages[:21]) == []

    queue.hide(messages[21:], 0)
    assert sorted(m.body for m in all_of(queue)) == sorted(m.body for m in messages[21:])


def test_what_can_not_be_deleted_is_returned(sqs: Any) -> None:
    queue = Queue(EVENTS)
    fill(queue, 2)
    good, other = receive(queue)
    bad = Message(other.id, other.body, "no receipt of this queue", 1)

    assert queue.delete([bad, good]) == [bad]

    queue.hide([other], 0)
    assert [m.body for m in all_of(queue)] == [other.body]


def test_a_kept_message_does_not_come_again(sqs: Any) -> None:
    queue = Queue(EVENTS)
    fill(queue, 12)
    messages = [*receive(queue, seconds=2), *receive(queue, seconds=2)]

    queue.hide(messages, 60)
    time.sleep(2.2)

    assert (len(messages), receive(queue)) == (12, [])


def test_a_missing_queue_is_said_with_its_name(sqs: Any) -> None:
    with pytest.raises(SystemFault, match="looking for the queue nowhere"):
        receive(Queue("nowhere"))


def test_all_dead_letters_go_back_and_count_as_new(sqs: Any) -> None:
    events, dead = Queue(EVENTS), Queue(DEAD)
    fill(dead, 23)

    assert redrive() == 23

    back = all_of(events)
    assert sorted(int(m.body) for m in back) == list(range(23))
    assert {m.receives for m in back} == {1}
    assert receive(dead) == []


def test_the_command_says_how_many(sqs: Any) -> None:
    fill(Queue(DEAD), 2)

    said = subprocess.run(
        [sys.executable, "-m", "deployments", "redrive"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "2 dead letters are back in highwater-inbox-events\n"
    assert sorted(m.body for m in all_of(Queue(EVENTS))) == ["0", "1"]


def test_without_a_queue_the_command_says_what_to_do(sqs: Any) -> None:
    sqs.delete_queue(QueueUrl=Queue(DEAD).url)

    said = subprocess.run(
        [sys.executable, "-m", "deployments", "redrive"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
    )

    assert said.returncode == 2
    assert said.stderr.startswith("looking for the queue highwater-inbox-dead-letters: ")
    assert "Traceback" not in said.stderr
