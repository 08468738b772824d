"""What all groups of settings share: strict reading, and the types of their values."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Label = Annotated[str, Field(pattern=r"^[0-9A-Za-z]+$", max_length=64)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Positive = Annotated[int, Field(gt=0, le=1_000_000)]
Threads = Annotated[int, Field(gt=0, le=1024)]
Permutations = Annotated[int, Field(gt=0, le=1_000_000)]
"""A p value of a millionth; more take days and tell nothing."""
Genes = Annotated[int, Field(gt=0, le=100_000)]
Percent = Annotated[float, Field(ge=0, le=100)]
FreeSurferName = Annotated[str, Field(pattern=r"^[^./\\*?\[\]][^/\\*?\[\]]*$", max_length=128)]
"""Part of the names of files such as ``lh.aparc.stats``."""
NullModel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
VolumeSource = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=64)]


class Settings(BaseModel):
    """A group of settings: a key that nobody knows is an error, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_as_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse `true` where a number is expected: it would count as 1, without a word."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = {annotation, *get_args(annotation)}
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise ValueError("a number is expected, not true or false")
        return value
