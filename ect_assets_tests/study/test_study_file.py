"""Whatever stands in study.toml: a study, or one sentence that names what is wrong."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from ect_assets.problems import StudyError
from ect_assets.study import Study, find_study, load_study

BARE = 'name = "mine"\ntitle = "A study"\n{top}\n[parcellations.desikan_killiany]\n{more}\n'


@pytest.fixture
def load(tmp_path):
    def loaded(top="", more=""):
        (tmp_path / "study.toml").write_text(BARE.format(top=top, more=more), encoding="utf-8")
        return load_study(tmp_path)

    return loaded


NUMBERS = [
    "seed",
    "morphometry.resolution_mm",
    "morphometry.threads",
    "morphometry.recon_all_threads",
    "morphometry.recon_all_timeout_hours",
    "quality.fewest",
    "quality.outlier_z",
    "quality.tiv_change_warns_percent",
    "quality.tiv_change_excludes_percent",
    "quality.parcel_share_warns",
    "quality.parcel_share_excludes",
    "quality.swap_correlation",
    "quality.exchange_margin",
    "transcriptome.ibf_threshold",
    "transcriptome.sim_threshold",
    "transcriptome.tolerance",
    "association.components",
    "association.permutations",
    "association.bootstraps",
    "association.gene_list_q",
    "nulls.n",
    "calibration.maps",
    "calibration.component_maps",
    "calibration.nulls",
    "calibration.symptom_maps",
    "calibration.symptom_patients",
    "enrichment.permutations",
    "enrichment.ontology_permutations",
    "enrichment.min_size",
    "enrichment.max_size",
    "arrival.settle_minutes",
    "arrival.look_every_seconds",
    "cluster.processes",
    "cluster.runs_at_once",
    "cluster.check_seconds",
    "cluster.cpus",
]


@pytest.mark.parametrize("value", ["1000000000000000000", "-1", "nan", "inf", "9" * 30, "9" * 5000])
@pytest.mark.parametrize("setting", NUMBERS)
def test_a_number_that_cannot_be_right_is_refused_by_its_name(load, setting, value):
    # Python cannot say where the number of too many digits stands.
    named = "too many digits" if len(value) > 4300 else setting
    with pytest.raises(StudyError, match=f"study.toml.*{named}"):
        load(top=f"{setting} = {value}")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a = " + b"[" * 3000 + b"]" * 3000, "nested too deeply"),
        (b"a = " + b"{a = " * 3000 + b"1" + b"}" * 3000, "nested too deeply"),
        (b".".join([b"a"] * 3000) + b" = 1", "nested more than"),
        (b"[" + b".".join([b"a"] * 3000) + b"]", "nested more than"),
        (b"# " + b"x" * 2_000_000, "larger than 1000 kB"),
        ('title = "Grün"'.encode("latin-1"), "line 1 is not UTF-8. Save the file"),
        ("name = 'mine'".encode("utf-16"), "not UTF-8"),
        (b"title = 'a\0b'", "not valid TOML"),
        (b'title = "a\\u0000b"', "title: contains a line break or another control character"),
        (b'"na\\nme" = 1', "control characters"),
        (b"x = 2020-13-45", "not valid TOML"),
        (b"title = '" + b"x" * 5000 + b"'", "title: is longer than 4096 characters"),
        (b"x" * 200 + b" = 1", "a name has at most 100"),
        (b"\xef\xbb\xbfname = 3", "name: Input should be a valid string"),
        (b"".join(b"a%d = 1\n" % n for n in range(1000)), "and 993 more"),
    ],
)
def test_a_file_that_is_no_study_is_one_sentence(tmp_path, content, says):
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(StudyError, match="study.toml") as told:
        load_study(tmp_path)
    assert says in str(told.value)
    assert len(str(told.value)) < 2000 and "\n" not in str(told.value)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    text = BARE.format(top="", more="")
    (tmp_path / "study.toml").write_text(text, encoding="utf-8-sig")
    assert load_study(tmp_path).name == "mine"


@pytest.mark.parametrize(
    "lake",
    ["bids", "bids/", "./bids", "bids/derivatives/lake", "bids/derivatives/freesurfer", "/", "."]
    + ["..", "../..", "data", ".cache", ".cache/lake", ".dagster", "ahba", "volumes/lake"],
)
def test_a_lake_that_is_not_apart_is_refused(load, lake, tmp_path):
    top = 'bids = "data/bids"\n' if lake == "data" else ""
    if lake.startswith("volumes"):
        top = 'morphometry.folder = "volumes"\n'
    with pytest.raises(StudyError, match=r"lake = .*Name a folder of its own"):
        load(top=f'{top}lake = "{lake}"')


def test_a_lake_that_a_link_leads_into_the_sources_is_refused(load, tmp_path):
    (tmp_path / "bids").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "bids")
    with pytest.raises(StudyError, match="lake = 'link/lake' lies in the BIDS folder"):
        load(top='lake = "link/lake"')


@pytest.mark.parametrize("lake", ["data_lake", "../lakes/mine", "bids_lake", "results/lake"])
def test_a_lake_of_its_own_is_taken(load, lake):
    assert load(top=f'lake = "{lake}"').lake == lake


@pytest.mark.parametrize("setting", ["bids", "lake", "morphometry.folder"])
def test_a_file_in_the_place_of_a_folder_is_refused(load, tmp_path, setting):
    (tmp_path / "thing").write_text("x")
    with pytest.raises(StudyError, match=f"{setting} = .*thing' is a file; it must be a folder"):
        load(top=f'{setting} = "thing"')


@pytest.mark.parametrize(
    ("top", "more"),
    [
        ("[instruments.hamd]\ntitle = 'a'\nfile = 'thing'\ncolumns = {pre = 'a'}", ""),
        ("", "atlas = {volume = 'thing'}"),
        ("", "atlas = {left = 'x', right = 'y', info = 'thing'}"),
        ("[gene_sets.mine]\nfile = 'thing'", ""),
    ],
)
def test_a_folder_in_the_place_of_a_file_is_refused(load, tmp_path, top, more):
    (tmp_path / "thing").mkdir()
    (tmp_path / "bids" / "thing").mkdir(parents=True)
    with pytest.raises(StudyError, match="thing' is a folder; it must be a file"):
        load(top=top, more=more)


def test_a_name_that_no_file_can_have_is_refused(load):
    with pytest.raises(StudyError, match="bids = .* cannot be accessed"):
        load(top=f'bids = "{"x" * 300}"')


@pytest.mark.parametrize("name", ["../../x", "a/b", "*", "a*", ".hidden", "", "a[1]", "x" * 200])
def test_a_parcellation_that_cannot_be_part_of_a_file_name_is_refused(load, name):
    with pytest.raises(StudyError, match="parcellations.desikan_killiany.freesurfer"):
        load(more=f'freesurfer = "{name}"')


@pytest.mark.parametrize("name", ["a b", "Ä", "a-b", "A", "1a", "a\\u0000", "x" * 65, "", "a/b"])
def test_a_parcellation_of_an_odd_name_is_refused(load, name):
    with pytest.raises(StudyError, match="parcellations"):
        load(more=f'[parcellations."{name}"]')


def test_limits_of_sizes_leave_some_gene_set(load):
    with pytest.raises(StudyError, match="enrichment: .*min_size is larger than max_size"):
        load(top="enrichment.min_size = 600")


def settings_of(model: type[BaseModel], names: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """List the names of all settings below one, those of dictionaries with a key of their own."""
    found = []
    for name, field in model.model_fields.items():
        found.append((*names, name))
        for inner in _models_in(field.annotation):
            is_one = inner is field.annotation or type(None) in get_args(field.annotation)
            below = (*names, name) if is_one else (*names, name, "key")
            found += settings_of(inner, below)
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for one in get_args(annotation) for model in _models_in(one)]


SETTINGS = [one for one in settings_of(Study) if one != ("folder",)]


def toml(value: Any) -> str:
    """Write a value as TOML does, in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else str(value).replace("Infinity", "inf")
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
    return str(value)


TEXTS = st.one_of(
    st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        ["bids", "/", "..", "s3://", "s3://a@b/c", "file:///x", "~", "a\0b", "x" * 300]
    ),
)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.integers(-5, 10_000),
        st.floats(),
        TEXTS,
        st.sampled_from(["2020-01-01", "12:30"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from(SETTINGS), VALUES)
def test_any_value_in_any_setting_is_a_study_or_one_sentence(tmp_path, names, value):
    said: dict[str, Any] = {"name": "mine", "title": "A study", "parcellations": {"aseg": {}}}
    place = said
    for name in names[:-1]:
        place = place.setdefault(name, {})
    place[names[-1]] = value
    text = "\n".join(f"{key} = {toml(one)}" for key, one in said.items())
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    try:
        study = load_study(tmp_path)
    except StudyError as error:
        assert str(tmp_path) in str(error) and "\n" not in str(error)
    else:
        assert study.plain and study.lake_folder


def test_a_misspelt_study_is_answered_with_the_one_that_was_meant(tmp_path, monkeypatch):
    (tmp_path / "studies" / "ds000174").mkdir(parents=True)
    (tmp_path / "studies" / "ds000174" / "study.toml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=r"Did you mean ds000174\?"):
        find_study("ds00174")
    with pytest.raises(StudyError, match=r"no study\.toml\. Create one"):
        find_study("something_else")
