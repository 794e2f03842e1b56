"""One script of requests for any Kubernetes API server, and what makes its answers comparable.

``run`` sends the script's requests, byte for byte the same to each server, and gives the answers;
``normalise`` takes out what may legitimately differ between two servers, each with its reason. The
steps themselves are in ``api_steps``.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

JSON = "application/json"
_WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Step:
    """One request.

    ``${name}`` in path and body is what an earlier step saved under that name (a resourceVersion, a
    continue token: the only parts that differ). ``until`` repeats a GET until the value at a dotted
    path is so; ``gone`` until it is 404. ``watch`` reads the lines of a watch until its timeout.
    """

    name: str
    method: str
    path: str
    body: Any = None
    content_type: str = JSON
    accept: str = JSON
    save: Mapping[str, str] = field(default_factory=dict)
    until: tuple[str, Any] | None = None
    gone: bool = False
    watch: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back: the status, warnings, and the body decoded (a list of events for a watch)."""

    step: str
    code: int
    warnings: list[str]
    body: Any


async def run(
    steps: Sequence[Step],
    *,
    server: str,
    headers: Mapping[str, str],
    trusted: ssl.SSLContext | None = None,
) -> list[Answer]:
    """Sends the steps one after the other."""
    saved: dict[str, str] = {}
    answers = []
    connector = aiohttp.TCPConnector(ssl=trusted if trusted is not None else True)
    agent = {"User-Agent": "conformance/1", **headers}
    async with aiohttp.ClientSession(connector=connector, headers=agent) as session:
        for step in steps:
            answer = await _until(session, server, step, saved)
            for name, path in step.save.items():
                saved[name] = str(_at(answer.body, path))
            answers.append(answer)
    return answers


async def _until(
    session: aiohttp.ClientSession, server: str, step: Step, saved: Mapping[str, str]
) -> Answer:
    async with asyncio.timeout(_WAIT_SECONDS):
        while True:
            answer = await _send(session, server, step, saved)
            waiting = step.gone and answer.code != 404
            if step.until and _at(answer.body, step.until[0]) != step.until[1]:
                waiting = True
            if not waiting:
                return answer
            await asyncio.sleep(0.1)


async def _send(
    session: aiohttp.ClientSession, server: str, step: Step, saved: Mapping[str, str]
) -> Answer:
    body = step.body
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    headers = {"Accept": step.accept}
    if body is not None:
        body = _filled(body, saved).encode()
        headers["Content-Type"] = step.content_type
    url = server + _filled(step.path, saved)
    async with session.request(step.method, url, data=body, headers=headers) as response:
        text = await response.text()
        warnings = [warning for warning in response.headers.getall("Warning", [])]
        if step.watch and response.status == 200:
            events = [json.loads(line) for line in text.splitlines() if line]
            return Answer(step.name, response.status, warnings, events)
        return Answer(step.name, response.status, warnings, _decoded(text))


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _filled(text: str, saved: Mapping[str, str]) -> str:
    for name, value in saved.items():
        text = text.replace("${" + name + "}", value)
    return text


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


NORMALISED: Mapping[str, str] = {
    "uid": "random",
    "resourceVersion": "counts the writes of the whole server",
    "creationTimestamp": "the time",
    "deletionTimestamp": "the time",
    "lastTransitionTime": "the time",
    "lastPhaseTransitionTime": "the time",
    "time": "the time (of managedFields)",
    "continue": "opaque by contract",
    "clusterIP": "drawn from the server's range at random",
    "clusterIPs": "as clusterIP",
    "nodePort": "drawn at random",
    "retryAfterSeconds": "advice, not state",
    "description": "of columns: Kubernetes' documentation, which the sandbox does not repeat",
}
"""Fields whose values may differ, with the reason; that they are there is compared all the same."""

_TEXTS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"kube-api-access-[a-z0-9]{5}"), "kube-api-access-<random>"),
    (re.compile(r"(generated-)[a-z0-9]{5}\b"), r"\1<random>"),
    (re.compile(r"(resource version: )\d+( \(\d+\))?"), r"\1<revision>"),
    (re.compile(r"^\d+[smh]$"), "<age>"),
    (re.compile(r"(current: )\d+"), r"\1<revision>"),
    (re.compile(r'(patch: |^)(Invalid value: )"\{.*\}": '), r'\1\2"<the patched object>": '),
    (re.compile(r"(for bound claims)\n.*", re.DOTALL), r"\1"),
    (re.compile(r"(unable to parse requirement: |invalid continue token: ).*"), r"\1<why>"),
)
"""The same within names and messages."""


def normalise(value: Any, key: str = "") -> Any:
    """A body without what may differ."""
    if key == "description" and isinstance(value, str):
        return "<description>"
    if key in NORMALISED and not isinstance(value, dict):
        return f"<{key}>" if value not in (None, "", "None", ["None"]) else value
    if isinstance(value, dict):
        return {_text(name): normalise(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [normalise(inner) for inner in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    for pattern, replacement in _TEXTS:
        text = pattern.sub(replacement, text)
    return text


def _unordered(body: Any) -> Any:
    """Causes by field, each once: real servers take them from Go's maps and may say one twice."""
    causes = _at(body, "details.causes") if isinstance(body, dict) else None
    if not causes or body.get("reason") != "Invalid":
        return body
    distinct = {(cause["field"], cause["message"]): cause for cause in causes}
    causes = [distinct[key] for key in sorted(distinct)]
    return {
        **body,
        "message": body["message"].partition(" is invalid: ")[0],
        "details": {**body["details"], "causes": causes},
    }


def comparable(answer: Answer) -> dict[str, Any]:
    """An answer as it is compared."""
    return {
        "step": answer.step,
        "code": answer.code,
        "warnings": answer.warnings,
        "body": _unordered(normalise(answer.body)),
    }
