import pytest

from kubeferry import codec
from kubeferry.api.location import ANNOTATION, annotated_vault
from kubeferry.api.metadata import Metadata
from kubeferry.errors import InvalidInput
from tests.unit.api.seed import seed


def annotated(text: str) -> Metadata:
    return Metadata(name="b", annotations={ANNOTATION: text})


def test_the_annotation_of_the_seed_is_the_vault_of_the_seed():
    text = seed("02-applicationbackup.yaml")["metadata"]["annotations"][ANNOTATION]
    name, spec = annotated_vault(annotated(text))
    assert name == "vault"
    assert codec.to_builtins(spec) == {
        "provider": "alibabacloud",
        "config": {"region": "cn-beijing"},
        "objectStorage": {"bucket": "cnfs-oss-test", "prefix": "subpath"},
    }


def test_without_network_the_annotation_means_internal():
    _, spec = annotated_vault(annotated('{"name":"v","provider":"aws","bucket":"bucket"}'))
    assert spec.config.network == "internal"


def test_no_annotation_is_no_vault():
    assert annotated_vault(Metadata(name="b")) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("name=vault", "is no JSON", id="no JSON"),
        pytest.param("[]", "Expected `object`", id="no map"),
        pytest.param('{"name":"v","provider":"aws"}', "bucket", id="no bucket"),
        pytest.param(
            '{"name":"v","provider":"aws","bucket":"bucket","netwrok":"public"}',
            "unknown field `netwrok`",
            id="a key nobody knows",
        ),
        pytest.param(
            '{"name":"v","provider":"oss","bucket":"abc"}', "'oss'", id="no such provider"
        ),
    ],
)
def test_a_bad_annotation_is_refused_with_its_place(text, problem):
    with pytest.raises(InvalidInput) as caught:
        annotated_vault(annotated(text))
    assert problem in caught.value.problem
    assert caught.value.place.startswith(f"metadata.annotations[{ANNOTATION}]")
