"""``spec.hooks``: commands that are run in an application's pods (velero.md §2.9, §3.11)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from kubeferry.api.fields import NamespaceOrAll, Strict

HOOK_SECONDS = 30.0
"""How long a hook's command may take where nothing is said."""

Command = Annotated[list[str], Meta(min_length=1, max_length=100)]
OnError = Literal["Continue", "Fail"]


class LabelExpression(Strict, kw_only=True, frozen=True):
    """One requirement of a label selector."""

    key: Annotated[str, Meta(min_length=1, max_length=317)]
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[list[str], Meta(max_length=100)] = field(default_factory=list)


class Labels(Strict, kw_only=True, frozen=True):
    """A label selector: every requirement must hold."""

    match_labels: Annotated[dict[str, str], Meta(max_length=100)] = field(default_factory=dict)
    match_expressions: Annotated[list[LabelExpression], Meta(max_length=100)] = field(
        default_factory=list
    )


class HookPods(Strict, kw_only=True, frozen=True):
    """Which pods a group of hooks is for; hooks run in pods and in nothing else."""

    name: Annotated[str, Meta(max_length=253, description="What the log calls these hooks.")]
    included_namespaces: Annotated[
        list[NamespaceOrAll], Meta(max_length=1000, description="Empty or * means all.")
    ] = field(default_factory=list)
    excluded_namespaces: Annotated[
        list[NamespaceOrAll], Meta(max_length=1000, description="Left out of those.")
    ] = field(default_factory=list)
    included_resources: Annotated[
        list[str],
        Meta(max_length=100, description="As in Velero: where it names no pods, nothing is run."),
    ] = field(default_factory=list)
    excluded_resources: Annotated[
        list[str], Meta(max_length=100, description="Where it names pods, nothing is run.")
    ] = field(default_factory=list)
    label_selector: Annotated[Labels | None, Meta(description="Only pods with these labels.")] = (
        None
    )
