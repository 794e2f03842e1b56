"""``spec.hooks``: commands that are run in an application's pods (velero.md §2.9, §3.11)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from kubeferry.api.fields import Count, Duration, NamespaceOrAll, Strict, Tolerant
from kubeferry.api.labels import Labels

HOOK_SECONDS = 30.0
"""How long a hook's command may take where nothing is said."""

Command = Annotated[list[str], Meta(min_length=1, max_length=100)]
OnError = Literal["Continue", "Fail"]


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


class ExecHook(Strict, kw_only=True, frozen=True):
    """A command that is run in a container of a pod, without a shell around it."""

    command: Annotated[Command, Meta(description="The program and its arguments.")]
    container: Annotated[str, Meta(max_length=63, description="Empty: the pod's first.")] = ""
    on_error: Annotated[
        OnError | None,
        Meta(
            description="Fail: a pod whose pre hook failed is not archived. Else it is. A hook "
            "that failed is an error either way."
        ),
    ] = None
    timeout: Annotated[
        Duration,
        Meta(description="How long it may take, at most 4h; 0s is as if nothing was said."),
    ] = "30s"


class BackupHook(Strict, kw_only=True, frozen=True):
    """What is done with a pod; there is one thing that can be done."""

    exec: Annotated[ExecHook, Meta(description=ExecHook.__doc__)]


class BackupHookGroup(HookPods, kw_only=True, frozen=True):
    """Hooks and the pods they are for."""

    pre: Annotated[
        list[BackupHook], Meta(max_length=100, description="Run before a pod is archived.")
    ] = field(default_factory=list)
    post: Annotated[
        list[BackupHook],
        Meta(max_length=100, description="Run afterwards, whatever happened in between."),
    ] = field(default_factory=list)


class BackupHooks(Strict, kw_only=True, frozen=True):
    """Commands that are run in pods around their backup; a pod's annotations come before them."""

    resources: Annotated[
        list[BackupHookGroup], Meta(max_length=100, description=BackupHookGroup.__doc__)
    ] = field(default_factory=list)


class HookCounts(Tolerant, kw_only=True, omit_defaults=False, frozen=True):
    """How many hooks there were."""

    attempted: Annotated[
        Count,
        Meta(description="Those that were run. In a restore also those that should have been."),
    ] = 0
    failed: Annotated[Count, Meta(description="Those of them that did not end well.")] = 0


class PendingHook(Tolerant, kw_only=True, frozen=True):
    """A post hook that is owed to a pod, because its pre hooks were begun."""

    namespace: Annotated[str, Meta(description="Of the pod.")]
    pod: Annotated[str, Meta(description="Its name.")]
    uid: Annotated[str, Meta(description="Its uid: another pod of that name is owed nothing.")]
    container: Annotated[str, Meta(description="The container.")]
    command: Annotated[
        list[str], Meta(description="The program and its arguments; empty once it failed.")
    ]
    timeout: Annotated[Duration, Meta(description="How long it may take.")] = "30s"
    problem: Annotated[
        str, Meta(description="Set once it was run and failed; until a report tells it.")
    ] = ""
