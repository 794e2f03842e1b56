"""A label selector as manifests have it; ``kube.selectors`` reads and matches it."""

from typing import Annotated, Literal

from msgspec import Meta, field

from kubeferry.api.fields import Strict

MOST_SELECTORS = 100


class LabelExpression(Strict, kw_only=True, frozen=True):
    """One requirement of a label selector."""

    key: Annotated[str, Meta(min_length=1, max_length=317, description="The label.")]
    operator: Annotated[
        Literal["In", "NotIn", "Exists", "DoesNotExist"],
        Meta(description="How its value is compared."),
    ]
    values: Annotated[
        list[str], Meta(max_length=100, description="With what; for In and NotIn.")
    ] = field(default_factory=list)


class Labels(Strict, kw_only=True, frozen=True):
    """A label selector: every requirement must hold."""

    match_labels: Annotated[
        dict[str, str], Meta(max_length=100, description="Labels with their values.")
    ] = field(default_factory=dict)
    match_expressions: Annotated[
        list[LabelExpression], Meta(max_length=100, description=LabelExpression.__doc__)
    ] = field(default_factory=list)


OneSelector = Annotated[
    Labels | None,
    Meta(
        description="Only objects with these labels, and what those need. Not with "
        "orLabelSelectors."
    ),
]
"""A task's ``labelSelector``."""
SeveralSelectors = Annotated[
    list[Labels],
    Meta(
        max_length=MOST_SELECTORS,
        description="Only objects that one of these selects, and what those need.",
    ),
]
"""A task's ``orLabelSelectors``."""
