"""What is known of instruments, and that study.toml has the last word."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ect_assets.intake.instrument_meaning import meaning_of
from ect_assets.science.statistics.response import Meaning
from ect_assets.study import Instrument


def instrument(title="A questionnaire", **said):
    return Instrument(title=title, column="score", **said)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hamd17", Meaning("lower", 50, None, 7)),
        ("hamd24", Meaning("lower", 50, None, 10)),
        ("hamd", Meaning("lower", 50, None, None)),
        ("madrs", Meaning("lower", 50, None, 9)),
        ("bdi2", Meaning("lower", 50, None, 13)),
        ("qids", Meaning("lower", 50, None, 5)),
        ("phq9", Meaning("lower", 50, None, 4)),
        ("moca", Meaning("higher", None, None, 26)),
        ("gaf", Meaning("higher", None, None, 71)),
        ("audit", Meaning("lower")),
        ("panss", Meaning("lower", lowest=30)),
        ("my_scale", Meaning("lower")),
    ],
)
def test_common_instruments_are_known(name, expected):
    assert meaning_of(name, instrument()) == expected


def test_the_title_names_the_version():
    titled = instrument("Hamilton Depression Rating Scale, 17 items")
    assert meaning_of("hamd", titled).remission == 7


def test_study_toml_has_the_last_word():
    said = instrument(better="higher", response_points=5, remission=30, minimum=2)
    assert meaning_of("hamd17", said) == Meaning("higher", None, 5, 30, 2)
    assert meaning_of("hamd17", instrument(response_percent=60)).response_percent == 60


def test_thresholds_of_the_other_direction_do_not_hold_for_a_turned_scale():
    turned = meaning_of("gaf", instrument(better="lower"))
    assert (turned.better, turned.remission) == ("lower", None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"response_percent": 50, "response_points": 3}, "either `response_percent`"),
        ({"response_percent": 50, "better": "higher"}, "give `response_points`"),
        ({"better": "up"}, "lower"),
        ({"response_percent": 0}, "greater than 0"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(said, told):
    with pytest.raises(ValidationError, match=told):
        instrument(**said)
