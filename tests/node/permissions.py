"""Holds the rights that ``install`` gives the controller against an audit log. Pure.

Each right is one verb on one resource by one rule. An allowed request is put down to the narrowest
right that grants it; what is left over in the end nobody needs. The audit log tells each request
once it is answered, at the level ``Metadata``.

``escalate`` and ``bind`` leave no trace there: the API server asks for them inside the create of a
role or binding. ``tests/real/test_permissions.py`` judges them, by taking each away.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.nodefiles import CONTROLLER

ASKED_INSIDE = frozenset({"escalate", "bind"})
"""Verbs that the audit log does not show."""
_BY = "authorization.k8s.io/reason"
_DECISION = "authorization.k8s.io/decision"
_OVER = frozenset({"ResponseComplete", "ResponseStarted", "Panic"})

Manifest = Mapping[str, Any]
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Right:
    """One verb on one resource.

    Attributes:
        role: the role it is of, as the API server names it: ``ClusterRole "a"``.
        namespace: where it holds; empty is everywhere.
        resource: with its subresource, ``pods/exec``.
        names: the objects it is about; all of them if empty.
    """

    role: str
    namespace: str
    group: str
    resource: str
    verb: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = f" {', '.join(self.names)}" if self.names else ""
        group = f".{self.group}" if self.group else ""
        return f"{self.role}: {self.verb} {self.resource}{group}{names}"

    def grants(self, request: "Request") -> bool:
        """Whether it allows a request, as RBAC matches them."""
        if self.namespace and self.namespace != request.namespace:
            return False
        if self.names and request.name not in self.names:
            return False
        subresource = request.resource.partition("/")[2]
        resources = {"*", request.resource} | ({f"*/{subresource}"} if subresource else set())
        return (
            self.verb in ("*", request.verb)
            and self.group in ("*", request.group)
            and self.resource in resources
        )

    @property
    def width(self) -> tuple[bool, ...]:
        """Orders rights of one request from the narrowest to the widest."""
        return (
            not self.names,
            "*" in self.resource,
            self.group == "*",
            self.verb == "*",
            not self.namespace,
        )


@dataclass(frozen=True)
class Request:
    """What was asked for; ``name`` is empty where the request does not say it."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        group = f".{self.group}" if self.group else ""
        return f"{self.verb} {self.resource}{group} {self.name}{where}"


@dataclass(frozen=True)
class Judgement:
    """What the audit log says of the rights.

    Attributes:
        unused: rights that no request needed.
        denied: requests that RBAC refused and that none of the rights grants, each once. One that
            is granted and was refused met a server that had not read its roles yet.
        foreign: allowed requests that are no work of these rights, with the API server's reason:
            somebody gave more, and what the tests show of the rights is worth nothing.
        used: how many requests each right allowed.
    """

    unused: tuple[Right, ...]
    denied: tuple[str, ...]
    foreign: tuple[str, ...]
    used: Mapping[Right, int] = field(default_factory=dict)


def rights_of(manifests: Iterable[Manifest], *, account: str = CONTROLLER) -> list[Right]:
    """The rights that an account has by the roles and bindings among the manifests."""
    found = list(manifests)
    roles = {
        (one["kind"], one["metadata"]["name"]): one
        for one in found
        if one["kind"] in ("Role", "ClusterRole")
    }
    return [
        right
        for one in found
        if one["kind"] in ("RoleBinding", "ClusterRoleBinding") and _binds(one, account)
        for right in _rights(
            roles[one["roleRef"]["kind"], one["roleRef"]["name"]],
            one["metadata"].get("namespace", ""),
        )
    ]


def _binds(binding: Manifest, account: str) -> bool:
    return any(
        account == f"system:serviceaccount:{one.get('namespace')}:{one['name']}"
        for one in binding["subjects"]
        if one["kind"] == "ServiceAccount"
    )


def _rights(role: Manifest, namespace: str) -> Iterator[Right]:
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield Right(
                        role=f'{role["kind"]} "{role["metadata"]["name"]}"',
                        namespace=namespace,
                        group=group,
                        resource=resource,
                        verb=verb,
                        names=tuple(rule.get("resourceNames") or ()),
                    )


def read_log(lines: Iterable[str]) -> Iterator[Event]:
    """The events of an audit log, a line each; a last line that is not whole yet is left out."""
    for line in lines:
        if line.endswith("\n"):
            yield json.loads(line)


def judge(
    rights: Iterable[Right], events: Iterable[Event], *, account: str = CONTROLLER
) -> Judgement:
    """Puts each of the account's requests down to a right.

    Rights that the log cannot show (``ASKED_INSIDE``) are left out.
    """
    shown = sorted((one for one in rights if one.verb not in ASKED_INSIDE), key=lambda r: r.width)
    roles = {one.role for one in shown}
    used: dict[Right, int] = dict.fromkeys(shown, 0)
    denied: dict[str, None] = {}
    foreign: dict[str, None] = {}
    seen: set[str] = set()
    for event in events:
        if event["user"]["username"] != account or event["stage"] not in _OVER:
            continue
        if "objectRef" not in event or event["auditID"] in seen:
            continue  # a path that is no resource, or a watch that was told at its beginning
        seen.add(event["auditID"])
        request = _request(event)
        right = next((one for one in shown if one.grants(request)), None)
        if _wants_to_give(event) or (_is_refused(event) and right is None):
            denied[f"{request}: {event.get('responseStatus', {}).get('message', '')}"] = None
        if _is_refused(event):
            continue
        reason = event["annotations"].get(_BY, "")
        if right is None or not any(f" of {role} to " in reason for role in roles):
            foreign[f"{request}: {reason}"] = None
        else:
            used[right] += 1
    return Judgement(
        unused=tuple(right for right, count in used.items() if not count),
        denied=tuple(denied),
        foreign=tuple(foreign),
        used=used,
    )


def _request(event: Event) -> Request:
    about = event["objectRef"]
    resource = about["resource"]
    if about.get("subresource"):
        resource += f"/{about['subresource']}"
    elif event["verb"] == "create":
        # The log knows the name from the answer; who judged the request did not know it yet.
        about = {**about, "name": ""}
    return Request(
        verb=event["verb"],
        group=about.get("apiGroup", ""),
        resource=resource,
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
    )


def _is_refused(event: Event) -> bool:
    return bool(event.get("annotations", {}).get(_DECISION) == "forbid")


def _wants_to_give(event: Event) -> bool:
    """Whether it was refused for giving out rights that one does not have."""
    status = event.get("responseStatus") or {}
    return status.get("code") == 403 and "attempting to grant RBAC permissions" in (
        status.get("message") or ""
    )
