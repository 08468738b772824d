"""Whatever is done to the form of a clinic's table, its numbers stay, or it is refused.

Columns are permuted and renamed in case, row numbers put in front, cells replaced by missing codes
and rescaled: each value of the result is the one that was written, or it is missing and somebody
is told. Nobody gets another's value.
"""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from ect_assets.intake.bids import read_participants
from ect_assets.intake.clinical import read_clinical_scores
from ect_assets.problems import EctError
from ect_assets.science.plausibility import AGE_YEARS, MISSING_CODES
from ect_assets.study import Instrument

SESSIONS = ("pre", "post")
SUBJECTS = tuple(f"{number:02d}" for number in range(1, 6))
FEW = settings(max_examples=60, deadline=None)
INDEX = st.sampled_from([None, "", "Unnamed: 0", "...1", "X", "no heading"])
FACTOR = st.sampled_from([1, 10, 100, 1000, 0.1, 0.001])
CODE = st.sampled_from([f"{code:g}" for code in MISSING_CODES] + ["inf", "NaN", "NA", "#N/A", ""])
CASE = st.sampled_from([str.upper, str.lower, str.title, str.swapcase])

Rows = list[dict[str, str]]


def spoiled(data: st.DataObject, rows: Rows) -> str:
    """Write rows with their columns permuted, renamed in case, and perhaps numbered."""
    columns = data.draw(st.permutations(list(rows[0])))
    case = data.draw(CASE)
    index = data.draw(INDEX)
    lines = [[case(column) for column in columns]]
    lines += [[row[column] for column in columns] for row in data.draw(st.permutations(rows))]
    for number, line in enumerate(lines):
        if index is not None and (number or index != "no heading"):
            line.insert(0, str(number) if number else index)
    return "\n".join("\t".join(line) for line in lines) + "\n"


def agrees(found: float | None, written: str) -> bool:
    """Say whether a value is the one that was written, or missing."""
    return found is None or math.isnan(found) or found == float(written)


@FEW
@given(data=st.data())
def test_participants_keep_their_values_or_lose_them_with_a_word(data):
    factor, codes = data.draw(FACTOR), data.draw(st.dictionaries(st.sampled_from(SUBJECTS), CODE))
    ages = {one: f"{factor * data.draw(st.integers(18, 89)):g}" for one in SUBJECTS} | codes
    rows = [
        {"participant_id": f"sub-{one}", "age": age, "sex": "F", "dose": str(n)}
        for n, (one, age) in enumerate(ages.items(), 20)
    ]
    with TemporaryDirectory() as folder:
        (Path(folder) / "participants.tsv").write_text(spoiled(data, rows))
        frame, problems = read_participants(Path(folder), {})
    told = {one.subject for one in problems}
    assert list(frame.subject) == list(SUBJECTS)
    assert list(frame.sex) == ["F"] * 5 and sum(map(str.isdigit, "".join(frame.columns))) == 0
    for (subject, age), found in zip(ages.items(), frame.age_years, strict=True):
        assert agrees(found, age)
        is_word = age in ("NaN", "NA", "#N/A", "")
        assert math.isnan(found) == (is_word or not AGE_YEARS.allow(float(age)))
        assert not math.isnan(found) or is_word or subject in told


def scores_of(data: st.DataObject) -> dict[tuple[str, str], str]:
    factor = data.draw(FACTOR)
    keys = [(subject, session) for subject in SUBJECTS for session in SESSIONS]
    scores = {key: f"{factor * data.draw(st.integers(0, 52)):g}" for key in keys}
    return scores | data.draw(st.dictionaries(st.sampled_from(keys), CODE))


def check_scores(folder: str, scores: dict[tuple[str, str], str], instrument: Instrument) -> None:
    """Read, and hold every score against what was written."""
    frame, problems = read_clinical_scores(Path(folder), SUBJECTS, SESSIONS, {"hamd": instrument})
    found = {(row.subject, row.session): row.score for row in frame.itertuples()}
    told = {(one.subject, one.session) for one in problems}
    for key, written in scores.items():
        assert agrees(found.get(key), written)
        assert key in found or key in told
        assert found.get(key, 0) <= 52 and found.get(key, 0) >= 0


@FEW
@given(data=st.data())
def test_sessions_files_keep_their_scores_or_lose_them_with_a_word(data):
    scores = scores_of(data)
    with TemporaryDirectory() as folder:
        for subject in SUBJECTS:
            rows = [
                {"session_id": f"ses-{one}", "hamd17": scores[subject, one], "moca": "21"}
                for one in SESSIONS
            ]
            file = Path(folder) / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
            file.parent.mkdir()
            file.write_text(spoiled(data, rows))
        check_scores(folder, scores, Instrument(title="HAMD-17", column="hamd17"))


@FEW
@given(data=st.data())
def test_tables_of_an_instrument_keep_their_scores_or_lose_them_with_a_word(data):
    scores, is_long = scores_of(data), data.draw(st.booleans())
    if is_long:
        rows = [
            {"participant_id": f"sub-{one}", "session_id": session, "total": score, "items": "17"}
            for (one, session), score in scores.items()
        ]
        columns = dict.fromkeys(SESSIONS, "total")
    else:
        columns = {session: f"hamd_{session}" for session in SESSIONS}
        rows = [
            {"participant_id": one, "items": "17"}
            | {columns[session]: scores[one, session] for session in SESSIONS}
            for one in SUBJECTS
        ]
    with TemporaryDirectory() as folder:
        (Path(folder) / "hamd.tsv").write_text(spoiled(data, rows))
        instrument = Instrument(title="HAMD-17", file=Path("hamd.tsv"), columns=columns)
        check_scores(folder, scores, instrument)


@FEW
@given(
    content=st.text(
        st.sampled_from('participant_id\tsession_id\tage\n\r"subses-0123,;PK\x00\u00e4 '),
        max_size=200,
    )
)
def test_any_text_is_read_or_refused_in_our_words(content):
    with TemporaryDirectory() as folder:
        (Path(folder) / "participants.tsv").write_text(content)
        try:
            frame, _ = read_participants(Path(folder), {}, "pre")
        except EctError as error:
            assert "participants.tsv" in str(error)
        else:
            assert frame.subject.is_unique
