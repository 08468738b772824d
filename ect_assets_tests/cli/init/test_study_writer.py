"""`ect init` writes settings that load, filled with answers or with what the BIDS folder shows."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from ect_assets.cli import app
from ect_assets.cli.init.dataset_contents import look_into
from ect_assets.cli.init.questions import next_question
from ect_assets.cli.init.study_writer import switched_off, write_study
from ect_assets.demo import make_ds000174_study
from ect_assets.problems import StudyError
from ect_assets.study import Study, load_study


@pytest.fixture
def bids(tmp_path):
    """A BIDS folder of one patient with two sessions, without images."""
    folder = tmp_path / "bids"
    for session in ("pre", "post"):
        (folder / "sub-01" / f"ses-{session}").mkdir(parents=True)
    return folder


def ratings(bids, header):
    (bids / "sub-01" / "sub-01_sessions.tsv").write_text(f"session_id\t{header}\n")
    return bids


def written(folder, bids=None, sessions=None):
    """Write a study.toml with these answers alone; the rest is found in the BIDS folder."""
    answers = {"bids": str(bids)} if bids else {}
    return write_study(folder, answers | ({"session": ",".join(sessions)} if sessions else {}))


def made(folder, bids=None, sessions=None):
    return load_study(written(folder, bids, sessions))


def test_the_settings_of_a_simulated_dataset_load(simulated_input, tmp_path):
    study = made(tmp_path / "mine", simulated_input / "bids", ["pre", "post"])
    assert study.instruments["hamd17"].column == "hamd17"


def test_the_dataset_is_found_from_the_studys_folder(simulated_input, tmp_path):
    study = made(tmp_path / "mine", simulated_input / "bids", ["pre", "post"])
    assert study.bids_folder.resolve() == simulated_input / "bids"


def test_the_volumes_are_found_from_the_studys_folder(simulated_input, tmp_path):
    study = made(tmp_path / "mine", simulated_input / "bids", ["pre", "post"])
    assert study.morphometry_folder.is_dir()


def test_the_settings_of_an_empty_folder_load(tmp_path):
    assert made(tmp_path / "mine").sessions.both == ("pre", "post")


def test_an_empty_folder_has_no_instruments(tmp_path):
    assert made(tmp_path / "mine").instruments == {}


def test_the_study_is_real_unless_its_owner_says_otherwise(tmp_path):
    assert made(tmp_path / "mine").simulated is False


def test_the_sessions_that_are_said_are_taken_in_their_order(tmp_path, bids):
    assert made(tmp_path / "mine", bids, ["post", "pre"]).sessions.both == ("post", "pre")


def test_the_session_before_treatment_is_the_baseline(tmp_path, bids):
    assert made(tmp_path / "mine", bids).sessions.both == ("pre", "post")


def test_more_than_two_sessions_have_to_be_chosen_from(tmp_path, bids):
    for subject in bids.glob("sub-*"):
        (subject / "ses-later").mkdir()
    with pytest.raises(StudyError, match=r"have \w+, \w+, \w+\. Give two"):
        written(tmp_path / "mine", bids, None)


def test_a_dataset_without_sessions_is_told(tmp_path):
    (tmp_path / "mine" / "bids").mkdir(parents=True)
    with pytest.raises(StudyError, match="have none. Give two"):
        written(tmp_path / "mine", None, None)


def test_settings_that_are_there_are_not_written_over(tmp_path):
    file = written(tmp_path, None, None)
    file.write_text("mine")
    with pytest.raises(StudyError, match="exists already"):
        written(tmp_path, None, None)
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Study", "my_study"),
        ("2025 ECT", "study_2025_ect"),
        ('the "real" one', "the_real_one"),
        ("it's", "it_s"),
        ("{braces}", "braces"),
        ("étude", "tude"),
        ("日本", "study"),
        ("a#b=c", "a_b_c"),
    ],
)
def test_any_folder_name_gives_a_name_that_loads(tmp_path, folder, name):
    assert made(tmp_path / folder).name == name


def test_a_folder_name_that_toml_would_misread_gives_settings_that_load(tmp_path):
    assert made(tmp_path / "two\nlines").title


def test_a_folder_name_that_the_databases_cannot_open_is_refused(tmp_path):
    with pytest.raises(StudyError, match="has .* in its path"):
        made(tmp_path / "back\\slash")


@pytest.mark.parametrize("folder", ["sp ace", 'quo"te', "it's", "#"])
def test_a_dataset_in_a_folder_of_any_name_is_found(tmp_path, bids, folder):
    moved = bids.rename(tmp_path / folder)
    assert made(tmp_path / "mine", moved, ["pre", "post"]).bids_folder.resolve() == moved


def test_sessions_that_cannot_be_leave_no_file_behind(tmp_path):
    with pytest.raises(StudyError, match="sessions.baseline"):
        written(tmp_path, None, ["pre-op", "post"])
    assert not (tmp_path / "study.toml").exists()


def test_every_rating_becomes_an_instrument(tmp_path, bids):
    study = made(tmp_path / "mine", ratings(bids, "HAMD-17\tmoca"), ["pre", "post"])
    assert {name: one.column for name, one in study.instruments.items()} == {
        "hamd_17": "HAMD-17",
        "moca": "moca",
    }


def test_dates_and_diagnoses_are_no_instruments(tmp_path, bids):
    study = made(tmp_path / "mine", ratings(bids, "acq_time\tpathology"), ["pre", "post"])
    assert study.instruments == {}


@pytest.mark.parametrize("header", ["HAMD-17\thamd 17", 'the "total" score'])
def test_awkward_names_of_ratings_give_settings_that_load(tmp_path, bids, header):
    assert made(tmp_path / "mine", ratings(bids, header), ["pre", "post"]).instruments


@pytest.fixture(scope="module")
def tables_alone(tmp_path_factory):
    """A dataset of two questionnaires and FreeSurfer's group tables, without images."""
    folder = tmp_path_factory.mktemp("tables")
    make_ds000174_study(folder, folder / "data_lake")
    return folder / "bids"


def subject_folders(bids, *names):
    """Lay out finished FreeSurfer folders, with statistics of one packaged parcellation."""
    for name in names:
        stats = bids / "derivatives" / "freesurfer" / name / "stats"
        stats.mkdir(parents=True)
        (stats / "lh.HCPMMP1.stats").touch()
    return bids


def asked(folder, answers):
    """Answer every question with its default; say what was asked."""
    answers, questions = dict(answers), {}
    while (question := next_question(folder, answers)) is not None:
        questions[question.key] = question
        answers[question.key] = question.checked(question.default)
    return questions


def test_every_setting_that_there_is_stands_in_the_file(tmp_path):
    text = write_study(tmp_path / "mine", {}).read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", text))
    schema = Study.model_json_schema()
    named = {
        name
        for group in (schema, *schema["$defs"].values())
        for name in group.get("properties", {})
    }
    assert named - words - {"folder"} == set()


def test_every_setting_loads_once_its_comment_sign_is_taken_away(tmp_path):
    file = write_study(tmp_path / "mine", {})
    lines = file.read_text(encoding="utf-8").splitlines()
    examples = re.compile(
        r"# (source|atlas = \{ volume|sim_threshold|minimum|maximum|column|title|better|response_"
        r"|remission)"
    )
    settings = re.compile(r"# (\[|[a-z_]+ = )")
    taken = [
        line[2:] if settings.match(line) and not examples.match(line) else line
        for line in lines
        if not line.startswith(("# [instruments.hamd]", "# columns", "# instruments = "))
    ]
    file.write_text("\n".join(taken), encoding="utf-8")
    assert load_study(file).nulls.n == 1_000


def test_the_questions_end_once_all_are_answered(tmp_path, tables_alone):
    assert list(asked(tmp_path / "mine", {"bids": str(tables_alone)})) == [
        "title",
        "session",
        "instruments",
        "volumes",
        "parcellations",
        "time_zone",
        "lake",
    ]


def test_the_title_is_that_of_the_answer_and_the_folders_name_without_one(tmp_path, tables_alone):
    said = {"bids": str(tables_alone)}
    assert load_study(write_study(tmp_path / "mine", said)).title == "mine"
    title = 'ECT in "two" cities'
    assert load_study(write_study(tmp_path / "other", said | {"title": title})).title == title


def test_what_a_new_study_will_not_have_is_said_with_what_switches_it_on(tmp_path):
    written = write_study(tmp_path / "mine", {"parcellations": "hcp_mmp", "session": "pre,post"})
    genes, symptoms = switched_off(load_study(written))
    assert "gene expression of hcp_mmp" in genes and 'expression = "donors"' in genes
    assert "symptoms, because no rating" in symptoms


def test_nothing_is_said_to_be_off_where_all_is_on(simulated_input):
    assert switched_off(load_study(simulated_input)) == []


def test_a_flag_is_not_asked_again(tmp_path, tables_alone):
    said = {"bids": str(tables_alone), "session": "followup,baseline", "lake": "tables"}
    assert {"session", "lake"} & set(asked(tmp_path / "mine", said)) == set()


def test_gene_expression_is_asked_for_where_it_is_not_packaged(tmp_path):
    questions = asked(tmp_path / "mine", {"parcellations": "hcp_mmp"})
    assert questions["expression"].offered[-1] == "none"


def test_an_answer_that_is_not_offered_is_refused_with_what_is(tmp_path, tables_alone):
    with pytest.raises(StudyError, match=r"thin air is not one of the choices.* freesurfer_tables"):
        write_study(tmp_path / "mine", {"bids": str(tables_alone), "volumes": "thin air"})


def test_a_time_zone_that_there_is_not_leaves_no_file_behind(tmp_path):
    with pytest.raises(StudyError, match=r"schedule\.time_zone"):
        write_study(tmp_path, {"time_zone": "Mars/Olympus"})
    assert not (tmp_path / "study.toml").exists()


def test_a_dataset_of_tables_is_understood_without_an_answer(tmp_path, tables_alone):
    study = load_study(write_study(tmp_path / "mine", {"bids": str(tables_alone)}))
    assert study.sessions.both == ("baseline", "followup")
    assert study.morphometry.source == "freesurfer_tables"
    assert not study.scans.images
    assert study.instruments["audit"].columns["followup"] == "audit_followup"


def test_the_title_of_a_questionnaire_is_that_of_its_description(tables_alone):
    titles = {one.name: one.title for one in look_into(tables_alone).instruments}
    assert titles["audit"] == "Alcohol Use Disorders Identification Test"


def test_instruments_that_are_not_chosen_are_left_out(tmp_path, tables_alone):
    answers = {"bids": str(tables_alone), "instruments": "cudit"}
    assert list(load_study(write_study(tmp_path / "mine", answers)).instruments) == ["cudit"]


def test_the_donors_are_downloaded_where_the_answer_says_so(tmp_path):
    answers = {"parcellations": "desikan_killiany,hcp_mmp", "expression": "download"}
    study = load_study(write_study(tmp_path / "mine", answers))
    assert study.transcriptome.download
    assert study.parcellations["hcp_mmp"].expression == "donors"


def test_time_zone_and_storage_are_written_as_they_were_said(tmp_path):
    answers = {"time_zone": "Europe/Berlin", "lake": "/backed up/lake"}
    study = load_study(write_study(tmp_path / "mine", answers))
    assert (study.schedule.time_zone, str(study.lake)) == ("Europe/Berlin", "/backed up/lake")


@pytest.mark.parametrize(
    ("names", "template"),
    [
        (("sub-01_ses-pre", "sub-01_ses-post"), "sub-{subject}_ses-{session}"),
        (("sub-01/ses-pre", "sub-01/ses-post"), "sub-{subject}/ses-{session}"),
        (
            ("sub-01_ses-pre", "sub-01_ses-pre.long.sub-01", "sub-01_ses-post.long.sub-01"),
            "sub-{subject}_ses-{session}.long.sub-{subject}",
        ),
    ],
)
def test_freesurfers_folders_are_found_however_they_are_named(tmp_path, bids, names, template):
    study = made(tmp_path / "mine", subject_folders(bids, *names), ["pre", "post"])
    assert study.morphometry.subject_folder == template


def test_the_parcellation_is_the_one_that_the_statistics_are_of(tmp_path, bids):
    study = made(tmp_path / "mine", subject_folders(bids, "sub-01_ses-pre"), ["pre", "post"])
    assert list(study.parcellations) == ["hcp_mmp"]


def test_remarks_are_no_instrument(tmp_path, bids):
    file = bids / "sub-01" / "sub-01_sessions.tsv"
    file.write_text("session_id\tmoca\tremark\nses-pre\t21\tcame late\n")
    assert list(made(tmp_path / "mine", bids, ["pre", "post"]).instruments) == ["moca"]


def test_a_rating_is_named_as_its_description_names_it(bids):
    (bids / "sessions.json").write_text(json.dumps({"moca": {"LongName": "Montreal"}}))
    (found,) = look_into(ratings(bids, "moca")).instruments
    assert found.title == "Montreal"


def of_sessions(tmp_path, *sessions):
    folder = tmp_path / "unordered"
    for session in sessions:
        (folder / "sub-01" / f"ses-{session}").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "sessions", [("intake", "followup"), ("start", "end"), ("initial", "followup"), ("V2", "V10")]
)
def test_sessions_are_ordered_by_what_their_labels_mean_not_by_the_alphabet(tmp_path, sessions):
    assert made(tmp_path / "mine", of_sessions(tmp_path, *sessions)).sessions.both == sessions


def test_sessions_whose_order_is_not_known_are_not_guessed(tmp_path):
    with pytest.raises(StudyError, match="A, B came first is unknown.*--sessions BASELINE"):
        written(tmp_path / "mine", of_sessions(tmp_path, "A", "B"))
    assert not (tmp_path / "mine" / "study.toml").exists()


def test_sessions_whose_order_is_not_known_are_asked_for_without_a_default(tmp_path):
    said = {"title": "mine", "bids": str(of_sessions(tmp_path, "A", "B"))}
    question = next_question(tmp_path / "mine", said)
    assert question is not None and question.key == "session"
    assert question.default == "" and "is unknown" in question.explained[0]


def test_dates_of_sessions_order_what_labels_do_not(tmp_path):
    bids = of_sessions(tmp_path, "A", "B")
    dates = "session_id\tacq_time\nses-A\t1900-05-01\nses-B\t1900-04-01\n"
    (bids / "sub-01/sub-01_sessions.tsv").write_text(dates)
    assert made(tmp_path / "mine", bids).sessions.both == ("B", "A")


def test_init_with_yes_refuses_where_the_order_is_not_known(tmp_path):
    bids = of_sessions(tmp_path, "A", "B")
    said = ["init", str(tmp_path / "mine"), "--bids", str(bids), "--yes"]
    answer = CliRunner().invoke(app, said)
    assert answer.exit_code != 0 and not (tmp_path / "mine" / "study.toml").exists()
    assert CliRunner().invoke(app, [*said, "--sessions", "B,A"]).exit_code == 0
    assert load_study(tmp_path / "mine").sessions.both == ("B", "A")


def test_a_questionnaire_with_a_row_per_session_becomes_an_instrument(tmp_path, bids):
    (bids / "phenotype").mkdir()
    rows = "participant_id\tsession_id\tscore\nsub-01\tses-pre\t24\nsub-01\tses-post\t6\n"
    (bids / "phenotype/madrs.tsv").write_text(rows)
    study = made(tmp_path / "mine", bids)
    assert study.instruments["madrs"].columns == {"pre": "score", "post": "score"}


def test_the_limits_of_a_known_instrument_are_shown(tmp_path, bids):
    text = written(tmp_path / "mine", ratings(bids, "madrs")).read_text()
    assert "# maximum = 60" in text


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("group", ("patient", "control"), {"group": ("control",)}),
        ("Group", ("ECT", "HC"), {"Group": ("HC",)}),
        ("group", ("bitemporal", "unilateral"), {}),
        ("group", ("control", "control"), {}),
        ("hobby", ("patient", "control"), {}),
    ],
)
def test_controls_are_found_in_the_table_of_participants(tmp_path, column, values, expected):
    bids = tmp_path / "bids"
    for label in ("01", "02"):
        for session in ("pre", "post"):
            (bids / f"sub-{label}/ses-{session}/anat").mkdir(parents=True)
    rows = [f"participant_id\t{column}", *(f"sub-0{i + 1}\t{one}" for i, one in enumerate(values))]
    (bids / "participants.tsv").write_text("\n".join(rows) + "\n")
    file = write_study(tmp_path / "study", {"bids": str(bids), "session": "pre,post"})
    assert load_study(file).group.controls == expected
