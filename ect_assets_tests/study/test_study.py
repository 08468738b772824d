"""The settings of a study: what is wrong is named, and the right study is found."""

from __future__ import annotations

import pytest

from ect_assets.problems import StudyError
from ect_assets.study import find_study, load_study

BARE = """
name = "mine"
title = "A study"
{top}
[parcellations.desikan_killiany]
freesurfer = "aparc"
{more}
"""


@pytest.fixture
def load(tmp_path):
    """Return a function that loads a study from what its file says."""

    def loaded(more="", top=""):
        (tmp_path / "study.toml").write_text(BARE.format(top=top, more=more), encoding="utf-8")
        return load_study(tmp_path)

    return loaded


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, and no study in the environment."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("ECT_STUDY", raising=False)
    return folder


def make_study(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(BARE.format(top="", more=""), encoding="utf-8")
    return folder


def test_name_title_and_a_parcellation_are_enough(load):
    assert load().sessions.both == ("pre", "post")


def test_folders_are_relative_to_the_study(load, tmp_path):
    assert load(top='lake = "../lake/mine"').lake_folder == tmp_path.parent / "lake" / "mine"


def test_dagsters_home_is_inside_the_study(load, tmp_path):
    assert load().dagster_home.parent == tmp_path


def test_the_file_itself_may_be_named_instead_of_its_folder(load, tmp_path):
    study = load()
    assert load_study(tmp_path / "study.toml") == study


def test_settings_do_not_change_afterwards(load):
    study = load()
    with pytest.raises(ValueError, match="frozen"):
        study.seed = 3


@pytest.mark.parametrize(
    ("more", "setting"),
    [
        ("[nulls]\nmodel = 3", "nulls.model"),
        ("[sessions]\nbaseline = 'post'", "sessions.*two different sessions"),
        ("[sessions]\nbaseline = 'pre-op'", "sessions.baseline"),
        ("[nulls]\nmodels = ['vasa']", "nulls.*primary is 'moran', which is not among models"),
        ("[nulls]\nn = 18", "nulls.n"),
        ("[nulls]\nn = 'many'", "nulls.n"),
        ("[nulls]\nmodels = ['guess', 'moran']", "nulls.models"),
        ("[extensions]\nmodules = ['my_lab.py.']", "extensions.modules.*my_lab.assets for"),
        ("[extensions]\nmodules = ['a', 'a']", "extensions.modules.*once"),
        (
            "[association]\nstructures = ['cortex', 'subcortex']",
            ".*structures has subcortex, of which vasa makes no null maps",
        ),
        (
            "[parcellations.aseg]\nexpression = 'donors'",
            "parcellations.*aseg has no gene expression",
        ),
        ("[instruments.hamd]\ntitle = 'HAMD'", "instruments.hamd.*`column`.*`file`"),
        (
            "[instruments.hamd]\ntitle = 'HAMD'\ncolumn = 'a'\nfile = 'b.tsv'",
            "instruments.hamd.*`column`.*`file`",
        ),
        ("[instruments.hamd]\ntitle = 'HAMD'\nfile = 'b.tsv'", "instruments.hamd.*`columns`"),
        ("[association]\nhemisphere = 'left'", "association.hemisphere"),
        ("[association]\nbootstraps = 3", "association.bootstraps"),
        (
            "[association]\nconfounds = ['electrodes_left']",
            "association.confounds.*electrodes_left",
        ),
        ("[association]\nconfounds = ['c1', 'c1']", "association.confounds.*twice"),
        ("[group]\nfdr = 1.5", "group.fdr"),
        ("[morphometry]\nsource = 'guess'", "morphometry.source"),
        ("[parcellations.HCP]\nfreesurfer = 'x'", "parcellations.HCP"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named(load, more, setting):
    with pytest.raises(StudyError, match=f"study.toml: {setting}"):
        load(more)


@pytest.mark.parametrize(
    ("top", "setting"),
    [("sed = 3", "sed"), ("seed = -1", "seed"), ("simulated = 'perhaps'", "simulated")],
)
def test_a_setting_of_the_whole_study_is_named(load, top, setting):
    with pytest.raises(StudyError, match=f"study.toml: {setting}: "):
        load(top=top)


def test_the_folder_is_no_setting(load):
    with pytest.raises(StudyError, match="folder"):
        load(top="folder = 'elsewhere'")


def test_two_faults_are_told_at_once(load):
    with pytest.raises(StudyError, match="seed: .*; group.fdr: "):
        load("[group]\nfdr = 2", top="seed = -1")


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("name = 'mine'\ntitle = 'A study'", "parcellations: is missing"),
        ("name = 'mine'\ntitle = 'A study'\n[parcellations]", "parcellations.*at least one"),
        ("title = 'A study'\n[parcellations.dk]\nfreesurfer = 'aparc'", "name: is missing"),
        ("name = 'My'\ntitle = ''\n[parcellations.dk]\nfreesurfer = 'aparc'", "name: "),
    ],
)
def test_a_missing_setting_is_named(tmp_path, text, setting):
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(StudyError, match=setting):
        load_study(tmp_path)


@pytest.mark.parametrize("content", [b"name = ", b"name = 'a'\nname = 'b'", b"title = '\xff'"])
def test_what_is_no_toml_is_told_with_its_file(tmp_path, content):
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(StudyError, match="study.toml is not valid TOML"):
        load_study(tmp_path)


def test_a_folder_without_study_toml_is_told_how_to_get_one(tmp_path):
    with pytest.raises(StudyError, match="has no study.toml.*`ect init PATH`"):
        load_study(tmp_path)


def test_the_study_that_was_said_is_found_first(here, monkeypatch):
    said, other = make_study(here / "said"), make_study(here / "other")
    make_study(here)
    monkeypatch.setenv("ECT_STUDY", str(other))
    assert find_study(said) == said


def test_a_name_below_studies_may_be_said(here):
    folder = make_study(here / "studies" / "mine")
    assert find_study("mine") == folder


def test_the_environment_comes_before_the_current_folder(here, monkeypatch):
    make_study(here)
    elsewhere = make_study(here.parent / "elsewhere")
    monkeypatch.setenv("ECT_STUDY", str(elsewhere))
    assert find_study() == elsewhere


def test_the_current_folder_comes_before_studies_below_it(here):
    make_study(here / "studies" / "mine")
    make_study(here)
    assert find_study() == here


def test_the_current_folder_comes_before_those_above(here, monkeypatch):
    make_study(here)
    inner = make_study(here / "inner")
    monkeypatch.chdir(inner)
    assert find_study() == inner


def test_a_folder_inside_a_study_belongs_to_it(here, monkeypatch):
    make_study(here)
    deep = here / "bids" / "sub-01"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert find_study() == here


def test_the_only_study_below_studies_is_found(here):
    folder = make_study(here / "studies" / "mine")
    assert find_study() == folder


def test_several_studies_are_listed(here):
    make_study(here / "studies" / "two")
    make_study(here / "studies" / "one")
    with pytest.raises(StudyError, match="several studies here: one, two. Choose one"):
        find_study()


def test_where_there_is_no_study_the_way_to_one_is_told(here):
    with pytest.raises(StudyError, match="There is no study here.*`ect demo`"):
        find_study()


def test_a_study_that_was_said_and_is_none_is_not_replaced_by_another(here):
    make_study(here)
    with pytest.raises(StudyError, match="wrong is not a study"):
        find_study("wrong")


def test_a_study_of_the_environment_that_is_none_is_not_replaced_by_another(here, monkeypatch):
    make_study(here)
    monkeypatch.setenv("ECT_STUDY", "wrong")
    with pytest.raises(StudyError, match="wrong is not a study"):
        find_study()


def test_a_parcellation_is_named_for_freesurfer_as_in_the_study_where_it_is_not_said(load):
    study = load("[parcellations.hcp_mmp]")
    assert study.parcellations["hcp_mmp"].freesurfer == "hcp_mmp"


@pytest.mark.parametrize(
    ("section", "setting"),
    [("association", "permutations"), ("nulls", "n"), ("association", "gene_list_q")],
)
def test_a_truth_value_is_no_number(tmp_path, section, setting):
    """It would count as 1: one permutation, without a word."""
    (tmp_path / "study.toml").write_text(
        f'name = "mine"\ntitle = "A study"\n[{section}]\n{setting} = true\n', encoding="utf-8"
    )
    with pytest.raises(StudyError, match=f"{setting}.*a number is expected, not true or false"):
        load_study(tmp_path)


CONTRASTS = {
    "kind = 'change'\non = 'n_ect'": "contrasts.x.*needs neither `by` nor `on`",
    "kind = 'difference'\nby = 'arm'": "contrasts.x.*two different values of `by`",
    "kind = 'difference'\nby = 'arm'\ngroups = ['a', 'a']": "contrasts.x.*two different values",
    "kind = 'difference'\ngroups = ['a', 'b']": "contrasts.x.*needs `by`",
    "kind = 'slope'\non = 'n_ect'\ngroups = ['a', 'b']": "contrasts.x.*`by`, which is not named",
    "kind = 'interaction'\nby = 'arm'\ngroups = ['a', 'b']": "contrasts.x.*`by` and `on`",
    "kind = 'baseline'": "contrasts.x.*either `by` with `groups`, or `on`",
    "kind = 'changed'": "contrasts.x.kind",
}


@pytest.mark.parametrize(("said", "message"), CONTRASTS.items())
def test_a_contrast_that_is_no_question_is_refused_by_its_name(load, said, message):
    with pytest.raises(StudyError, match=message):
        load(f"[contrasts.x]\n{said}")


def test_a_term_is_a_factor_or_a_number(load):
    with pytest.raises(StudyError, match="group: .*scanner is in `factors` and in `numbers`"):
        load("[group]\nfactors = ['scanner']\nnumbers = ['scanner']")


def test_a_contrast_names_a_later_session_of_the_study(load):
    asked = "[contrasts.x]\nkind = 'change'\nmodel = 'mixed'\nsession = 'm6'"
    with pytest.raises(StudyError, match=r"\[contrasts.x\] session: m6 is none of post"):
        load(asked)
    assert load(f"[sessions]\nfurther = ['m6']\n{asked}").sessions.every == ("pre", "post", "m6")
    with pytest.raises(StudyError, match="sessions.*`further` names a session twice"):
        load("[sessions]\nfurther = ['post']")
    with pytest.raises(StudyError, match="`session` needs model"):
        load("[contrasts.x]\nkind = 'change'\nsession = 'post'")
