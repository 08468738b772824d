"""The step that measures parcels: what no source may do without a word."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets.intake.volumes.freesurfer import FreeSurferSubjects
from ect_assets.intake.volumes.volumes import PARCEL_KINDS
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Work
from ect_assets.pipeline.steps import morphometry
from ect_assets.problems import StudyError
from ect_assets.study import load_study


def test_a_source_that_measures_no_parcel_at_all_is_not_taken_for_one_that_did(
    study_folder, monkeypatch
):
    def nothing(*_) -> pd.DataFrame:
        return pd.DataFrame(columns=list(PARCEL_KINDS)).astype(PARCEL_KINDS)

    monkeypatch.setattr(FreeSurferSubjects, "parcel_gmv", nothing)
    study = load_study(study_folder)
    work = Work(study, lake_of(study), {"subject": "001", "parcellation": "desikan_killiany"})
    with pytest.raises(StudyError, match="No parcel of desikan_killiany is measured"):
        morphometry.parcel_gmv.make(work, pd.DataFrame())
