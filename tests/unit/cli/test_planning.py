from pathlib import Path

from kubeferry.api.metadata import Metadata
from kubeferry.api.restore import ApplicationRestore, ModifierReference, RestoreSpec
from kubeferry.api.restore_hooks import RestoreHookGroup, RestoreHooks
from kubeferry.cli.plan_sources import HERE, Sources
from kubeferry.cli.planning import farewell, heading
from kubeferry.transform.change import Note

LONG = "registry.one.example.com/a-team-with-a-long-name/" + "x" * 20
RESTORE = ApplicationRestore(
    metadata=Metadata(name="plan"),
    spec=RestoreSpec(
        backup_name="b",
        namespace_mapping={"x": "y"},
        image_registry_mapping={LONG: "registry.two.example.com/team"},
        resource_modifier=ModifierReference(kind="ConfigMap", name="m"),
        hooks=RestoreHooks(resources=[RestoreHookGroup(name="migrate")]),
    ),
)


def test_the_heading_names_all_that_changes_objects() -> None:
    notes = [Note("Unknown", "nothing is called foos")]
    assert list(heading(RESTORE, "backup b into c", is_asked=True, unselected=1, notes=notes)) == [
        "Plan  backup b into c",
        "  namespaceMapping       x -> y",
        f"  imageRegistryMapping   {LONG}",
        "                         -> registry.two.example.com/team",
        "  resourceModifier       m",
        "  hooks                  migrate",
        "  ! 1 object not selected; --object KIND/NAME says why",
        "  ! Unknown: nothing is called foos",
    ]


def test_the_heading_tells_what_is_not_known_where_no_cluster_is_asked() -> None:
    assert list(heading(RESTORE, "a into b", is_asked=False, unselected=0, notes=[]))[1] == (
        "  ! no cluster is asked: its storage classes, nodes and objects are not known"
    )


def test_the_farewell_is_a_command_that_can_be_copied() -> None:
    lines = list(farewell(None, RESTORE, full=True, sources=HERE))
    assert lines == [
        "",
        "Nothing was written. To do it:",
        "  kubeferry restore create NAME \\",
        "    --from-backup b \\",
        "    --namespace-mapping x=y \\",
        f"    --image-registry-mapping {LONG}=registry.two.example.com/team \\",
        "    --resource-modifier m \\",
        "    --wait",
    ]


def test_a_file_with_a_space_is_quoted() -> None:
    last = list(farewell("my restore.yaml", RESTORE, full=True, sources=HERE))[-1]
    assert last == "  kubeferry restore create -f 'my restore.yaml' --wait"


def test_what_is_not_shown_is_said() -> None:
    assert "--full shows them." in "".join(farewell(None, RESTORE, full=False, sources=HERE))


def test_rules_of_a_file_are_to_be_put_where_the_restore_finds_them() -> None:
    sources = Sources(modifiers=Path("rules.yaml"))
    lines = list(farewell("restore.yaml", RESTORE, full=True, sources=sources))
    assert lines[1] == "Nothing was written. Put the rules of rules.yaml into a"


def test_what_no_cluster_was_asked_for_is_done_by_its_manifests() -> None:
    lines = list(farewell(None, RESTORE, full=True, sources=Sources(offline=Path("b.tar.gz"))))
    assert lines[1:] == [
        "Nothing was written. -o yaml shows the manifests, --output-dir writes them to files."
    ]
