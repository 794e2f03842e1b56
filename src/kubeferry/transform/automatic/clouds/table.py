"""The tables of providers: what tells one, and what of it means nothing elsewhere.

Each is a YAML file beside this module, read once and checked as it is read. Names are exact, or
patterns in which ``*`` stands for any text and ``?`` for a character.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from msgspec import Meta, field

from kubeferry import codec
from kubeferry.api.fields import Strict
from kubeferry.errors import InvalidInput

NAMES = ("alibaba", "aws", "azure", "gcp", "on-prem", "openshift")
"""The providers that there are tables of."""

Why = Annotated[str, Meta(min_length=1, max_length=120)]
"""The reason, as it follows what it is about."""
Names = Annotated[list[str], Meta(min_length=1)]


class Evidence(Strict, kw_only=True, frozen=True):
    """What only clusters of the provider have.

    Attributes:
        provider_ids: ``spec.providerID`` of nodes.
        drivers: provisioners of storage classes, CSI drivers of volumes.
        volume_sources: fields of a PersistentVolume's spec.
        annotations: of Services, Ingresses, accounts and namespaces.
    """

    provider_ids: list[str] = field(default_factory=list)
    drivers: list[str] = field(default_factory=list)
    volume_sources: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)


class Annotations(Strict, kw_only=True, frozen=True):
    """Annotations of some kinds (group resources)."""

    kinds: Names
    names: Names
    why: Why


class Marks(Strict, kw_only=True, frozen=True):
    """What a controller writes on objects of some kinds to know them again."""

    kinds: Names
    labels: list[str] = field(default_factory=list)
    finalizers: list[str] = field(default_factory=list)
    why: Why


class LoadBalancer(Strict, kw_only=True, frozen=True):
    """A field of Services, and the values of it that only the provider can make true."""

    path: Names
    values: Names
    why: Why


class Injected(Strict, kw_only=True, frozen=True):
    """What a webhook of the provider adds to pods: volumes, and the environment of containers that
    mount them.
    """

    volumes: Names
    env: list[str]
    why: Why


class Cloud(Strict, kw_only=True, frozen=True):
    """A provider. A cluster is of one provider at most in each layer.

    ``node_labels`` are those that only the provider's nodes have; ``annotations`` are taken out
    elsewhere, ``told`` are only told of.
    """

    name: str
    title: str
    layer: Literal["cloud", "distribution"]
    evidence: Evidence
    node_labels: list[str]
    annotations: list[Annotations] = field(default_factory=list)
    marks: list[Marks] = field(default_factory=list)
    load_balancers: list[LoadBalancer] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)
    ingress_classes: list[str] = field(default_factory=list)
    ingress_controllers: list[str] = field(default_factory=list)
    told: list[Annotations] = field(default_factory=list)


@cache
def clouds() -> Mapping[str, Cloud]:
    """The tables by name. Raises ``InvalidInput`` for a file that is none."""
    folder = files(__package__)
    found: dict[str, Cloud] = {}
    for name in NAMES:
        place = f"{name}.yaml"
        cloud = codec.convert(
            codec.load_yaml(folder.joinpath(place).read_bytes(), place=place), Cloud, place=place
        )
        if cloud.name != name:
            raise InvalidInput(f"is the table of {cloud.name!r}", place=place)
        found[name] = cloud
    return found


class Matcher:
    """Tells whether a text is one of some names or patterns."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._matches = re.compile("|".join(map(translate, patterns)) or "(?!)").match

    def __call__(self, text: object) -> bool:
        """Whether it is; no text is none of them."""
        return isinstance(text, str) and self._matches(text) is not None
