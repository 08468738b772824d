"""The lines that are printed for an added atlas are settings of a study, which then reads it."""

from __future__ import annotations

import tomllib

import pytest

from ect_assets.cli.parcellation_output import settings_of
from ect_assets.science.parcellations.known_atlases import KNOWN
from ect_assets.study import Study


@pytest.mark.parametrize("name", ["schaefer_100_7", "tian_s1", "destrieux"])
def test_the_printed_settings_are_those_of_a_parcellation(name, tmp_path):
    said = tomllib.loads(settings_of(KNOWN[name]))
    study = Study(folder=tmp_path, name="mine", title="Mine", **said)
    added = study.parcellations[name]
    assert added.freesurfer == KNOWN[name].freesurfer
    assert (added.atlas.volume is not None) == KNOWN[name].is_volume
