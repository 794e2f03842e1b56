"""What a restore is asked for, and what came of it: plain facts, apart from any custom resource."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeferry.api.restore import PlanDigest
from kubeferry.kube.names import RESERVED_NAMESPACES
from kubeferry.report import Problem, ReasonCount
from kubeferry.restore.existing import Policy
from kubeferry.restore.granted import Granted
from kubeferry.restore.hooks import HookRules
from kubeferry.restore.retrying import Retried
from kubeferry.restore.selection import KindWords, Selection
from kubeferry.restore.versions import Priorities
from kubeferry.transform.change import Note
from kubeferry.transform.modifiers.counts import RuleCount
from kubeferry.transform.modifiers.rules import Modifiers
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.parameters.table import Parameters
from kubeferry.transform.pipeline import restore_labels


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """One restore, its parameters compiled and checked.

    Attributes:
        name: of the task.
        uid: of the task; its field manager, and how a resumed one is recognised.
        backup: the backup's name in the vault.
        selection: which objects of the backup are restored.
        namespaces: source namespace to target namespace.
        reserved: namespaces that are never restored, nor restored into.
        images: the compiled ``imageRegistryMapping``, and the rows of the image-rename ConfigMap.
        parameters: all other parameters that change objects, compiled.
        rewrite_service_names: whether DNS names of Services follow the namespace mapping.
        preserve_node_ports: ``preserveNodePorts``, None where it is unset.
        automatic_off: automatic rules that are switched off, by name.
        source_provider: of which provider the backup is, empty where nobody said.
        target_provider: of which provider the target is, empty where nobody said.
        status: of which kinds objects get their status back, None: of none.
        objects_only: whether claims may stay empty (``appRestoreOnly``).
        modifiers: the compiled rules, None without any.
        modifier_digest: SHA-256 of the rules as they were read.
        rules_digest: SHA-256 of all that decides what is changed, the modifier among it.
        plan: the plan that was reviewed, None where none was.
        version_priorities: versions of kinds that are restored before others, where they can be.
        hooks: the compiled ``spec.hooks``.
        policy: what is done with objects that are there already.
        ready_seconds: how long it waits for what it wrote to become ready, None: not at all.
        dry_run: whether it is only planned.
        keeps_owners: whether what is owned by a restored object belongs to it again.
        retried: the restore of which only what it left undone is done again, None for none.
        notes: what is to be told before anything is done.
    """

    name: str
    uid: str
    backup: str
    selection: Selection = field(default_factory=Selection)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    reserved: frozenset[str] = RESERVED_NAMESPACES
    images: ImageMap = field(default_factory=lambda: ImageMap({}))
    parameters: Parameters = field(default_factory=Parameters)
    rewrite_service_names: bool = False
    preserve_node_ports: bool | None = None
    automatic_off: frozenset[str] = frozenset()
    source_provider: str = ""
    target_provider: str = ""
    status: KindWords | None = None
    objects_only: bool = False
    modifiers: Modifiers | None = None
    modifier_digest: str = ""
    rules_digest: str = ""
    plan: PlanDigest | None = None
    version_priorities: Priorities = field(default_factory=dict)
    hooks: HookRules = field(default_factory=HookRules)
    policy: Policy = "none"
    ready_seconds: float | None = None
    keeps_owners: bool = True
    dry_run: bool = False
    retried: Retried | None = None
    notes: tuple[Note, ...] = ()

    @property
    def field_manager(self) -> str:
        """Sent with each write, so that what this task made can be told from all else."""
        return f"kubeferry-{self.uid}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every object that the restore creates (velero.md §3.5); those of a retry
        are the first restore's.
        """
        return restore_labels(self.backup, self.retried.family if self.retried else self.name)


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What came of it. ``phase`` is ``Completed`` or ``PartiallyFailed``; times are RFC 3339.

    ``counts`` are objects by action (``created``, ``updated``, ``recreated``, ``skipped``,
    ``refused``, ``failed``);
    ``target_images`` those images of restored pods that the image mapping produced: they must
    exist; ``hooks`` and ``failed_hooks`` count those of restored pods; ``reasons`` say why objects
    were not written and what problems there were; ``grants`` counts what was granted by what it is
    (``granted.TITLES``), ``granted`` are the first of that, ``rollouts`` the first that follow;
    ``rules`` are the modifier rules, each with what came of it.
    """

    phase: str
    counts: Mapping[str, int]
    warnings: int
    errors: int
    started: str
    completed: str
    target_images: tuple[str, ...]
    first_problem: Problem | None
    hooks: int = 0
    failed_hooks: int = 0
    reasons: tuple[ReasonCount, ...] = ()
    grants: Mapping[str, int] = field(default_factory=dict)
    granted: tuple[Granted, ...] = ()
    rollouts: tuple[str, ...] = ()
    rules: tuple[RuleCount, ...] = ()
