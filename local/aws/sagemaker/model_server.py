"""Run a model's inference code on a directory of requests, as the container's server does.

It runs in the container's Python, so it imports none of our modules. model_fn, input_fn, predict_fn and output_fn (or
transform_fn) are called as sagemaker-containers calls them: text only for JSON and CSV, Accept from the request.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

TEXT = ("application/json", "text/csv")
ANY = "*/*"
DEFAULT_ACCEPT = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
Answer = Callable[[Any, Any, str, str], Any]


class RequestsFailed(Exception):
    """Raised after all requests were tried. The message names the first failure."""


def answering(module: ModuleType) -> Answer:
    """The function from a request to its response, built from the functions that the module defines."""
    steps = [getattr(module, name, None) for name in ("input_fn", "predict_fn", "output_fn")]
    transform: Answer | None = getattr(module, "transform_fn", None)
    if transform is not None:
        if any(steps):
            raise ValueError("transform_fn can't be combined with input_fn, predict_fn or output_fn")
        return transform
    missing = [
        name for name, step in zip(("input_fn", "predict_fn", "output_fn"), steps, strict=True) if not step
    ]
    if missing:
        raise NotImplementedError(
            f"{module.__name__} has no {', '.join(missing)}: the container's own are not here, see docs/parity.md"
        )
    read, predict, write = (step for step in steps if step is not None)

    def answer(model: Any, content: Any, content_type: str, accept: str) -> Any:
        return write(predict(read(content, content_type), model), accept)

    return answer


def body_of(result: Any) -> bytes:
    """The response body. The result is a response, or a pair (response, content type)."""
    content = result[0] if isinstance(result, tuple) else result
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    raise TypeError(f"output_fn gave {type(content).__name__}: it must give bytes or text")


def serve(answer: Answer, model: Any, requests: Path, answers: Path, types: dict[str, str]) -> None:
    """Write a response file for each request. A failed request gets none, and the others are still processed."""
    content_type = types["content_type"]
    accept = types["accept"] if types["accept"] not in ("", ANY) else os.environ.get(DEFAULT_ACCEPT, TEXT[0])
    files = sorted(path for path in requests.rglob("*") if path.is_file())
    failed = []
    for request in files:
        name = request.relative_to(requests)
        content = request.read_text() if content_type in TEXT else request.read_bytes()
        try:
            body = body_of(answer(model, content, content_type, accept))
        except Exception as error:  # noqa: BLE001 - the code is the caller's; this becomes the job's reason
            traceback.print_exc()
            failed.append(f"{name}: {type(error).__name__}: {error}")
            continue
        to = answers / f"{name}.out"
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(body)
        print(f"{name}: {len(body)} bytes", flush=True)
    if failed:
        raise RequestsFailed(f"{len(failed)} of {len(files)} requests, the first {failed[0]}")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--module", "--types"):
        parser.add_argument(name, required=True)
    for name in ("--model", "--code", "--requests", "--answers"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    sys.path[0] = str(given.code)
    module = importlib.import_module(given.module)
    model = module.model_fn(str(given.model))
    serve(answering(module), model, given.requests, given.answers, json.loads(given.types))


if __name__ == "__main__":
    main()
    # Skip the interpreter's shutdown, which a library's thread that is still starting would abort.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
