"""Settings of the models over patients: covariates, and the contrasts of a study."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ect_assets.study.base import Label, Settings

Term = Annotated[str, Field(pattern=r"^[^\s].*$", max_length=128)]
"""A column of `participants`, or of `clinical_response` as ``hamd.improvement``."""
Terms = Annotated[tuple[Term, ...], Field(max_length=50)]
NEEDED = {
    "change": (),
    "difference": ("by",),
    "slope": ("on",),
    "interaction": ("by", "on"),
    "baseline": (),
}
"""What each kind of contrast says, and none of the others may."""


class Group(Settings):
    """The tests over patients.

    ``adjusts_for_etiv`` is of all of them; ``covariates`` are terms that the contrasts adjust for,
    and not `gmv_change`. Texts are factors and numbers are numbers; ``factors`` and ``numbers``
    name the terms whose values are codes. ``controls`` says who was scanned but not treated, by
    values of columns of `participants`: they are in contrasts alone.
    """

    adjusts_for_etiv: bool = True
    covariates: Terms = ()
    factors: Terms = ()
    numbers: Terms = ()
    controls: dict[Term, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _one_coding(self) -> Group:
        both = sorted({*self.factors} & {*self.numbers})
        if both:
            raise ValueError(f"{', '.join(both)} is in `factors` and in `numbers`")
        return self


class Contrast(Settings):
    """A question to the patients' volumes that one number per parcel answers.

    ``change``: the mean change. ``difference``: of the changes of two ``groups`` of the term
    ``by``, first minus second. ``slope``: of the change on the term ``on``. ``interaction``: of
    that slope between two groups. ``baseline``: a difference or a slope of the volumes before
    treatment. ``only`` keeps the patients with some values of a term; ``covariates`` stand in place
    of those of [group]; ``measure`` is what of the parcels is asked about.

    ``model = "mixed"`` takes every scan there is, of patients with some sessions missing as well,
    and of the further sessions; ``session`` is then the one that is compared with the baseline.
    """

    kind: Literal["change", "difference", "slope", "interaction", "baseline"]
    by: Term | None = None
    groups: tuple[str, ...] = ()
    on: Term | None = None
    only: dict[Term, tuple[str, ...]] = {}
    covariates: Terms | None = None
    title: str | None = None
    measure: Literal["volume", "thickness", "area"] = "volume"
    model: Literal["least_squares", "mixed"] = "least_squares"
    session: Label | None = None

    def is_about(self, terms: Collection[str]) -> bool:
        """Whether it compares, or keeps, people by one of these terms."""
        return self.by in terms or bool({*self.only} & {*terms})

    @model_validator(mode="after")
    def _what_its_kind_needs(self) -> Contrast:
        said = tuple(name for name in ("by", "on") if getattr(self, name) is not None)
        if self.kind == "baseline":
            if len(said) != 1:
                raise ValueError('kind = "baseline" needs either `by` with `groups`, or `on`')
        elif said != NEEDED[self.kind]:
            needed = (
                " and ".join(f"`{one}`" for one in NEEDED[self.kind]) or "neither `by` nor `on`"
            )
            raise ValueError(f'kind = "{self.kind}" needs {needed}')
        return self

    @model_validator(mode="after")
    def _session_of_mixed(self) -> Contrast:
        if self.session is not None and self.model != "mixed":
            raise ValueError('`session` needs model = "mixed": the others compare the two sessions')
        return self

    @model_validator(mode="after")
    def _two_groups(self) -> Contrast:
        if self.by is None and self.groups:
            raise ValueError("`groups` are values of a term `by`, which is not named")
        if self.by is not None and len(set(self.groups)) != 2:
            raise ValueError("`groups` must be two different values of `by`: first minus second")
        return self
