"""Settings of the patients' data: sessions, scans, privacy, volumes, quality, ratings, atlases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, model_validator

from ect_assets.study.base import (
    FreeSurferName,
    Label,
    Percent,
    Positive,
    Settings,
    Threads,
    VolumeSource,
)


class Sessions(Settings):
    """The two sessions that are compared, by their BIDS labels.

    ``further`` sessions of those who have them enter contrasts with ``model = "mixed"`` alone.
    """

    baseline: Label = "pre"
    follow_up: Label = "post"
    further: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _differ(self) -> Sessions:
        if self.baseline == self.follow_up:
            raise ValueError("baseline and follow_up must be two different sessions")
        if len(set(self.every)) < len(self.every):
            raise ValueError("`further` names a session twice, or one of the two compared ones")
        return self

    @property
    def both(self) -> tuple[str, str]:
        """Baseline and follow-up, in this order."""
        return self.baseline, self.follow_up

    @property
    def every(self) -> tuple[str, ...]:
        """Both, then the further ones."""
        return (*self.both, *self.further)


class Scans(Settings):
    """Whether there are images to register, beside the volumes."""

    images: bool = True


class Privacy(Settings):
    """Fields that a reviewer has looked at, which the screen for identifying content lets pass."""

    allow: tuple[str, ...] = ()


class Morphometry(Settings):
    """Where the volumes of the parcels come from.

    ``freesurfer`` reads one folder of statistics, or surfaces, per subject and session;
    ``freesurfer_tables`` reads the group tables that aparcstats2table and asegstats2table write;
    ``recon-all`` runs FreeSurfer on the images where its folders are missing, as the settings
    after ``subject_folder`` say; ``volumetric`` measures the images without FreeSurfer, on voxels
    of ``resolution_mm`` and with as many ``threads`` a patient.
    """

    source: VolumeSource = "freesurfer"
    folder: Path = Path("bids/derivatives/freesurfer")
    subject_folder: str = "sub-{subject}_ses-{session}"
    recon_all_threads: Threads = 1
    longitudinal: bool = False
    recon_all_flags: tuple[str, ...] = ()
    recon_all_timeout_hours: Annotated[float, Field(gt=0, le=8760)] | None = 72
    resolution_mm: Annotated[float, Field(ge=1, le=8)] = 1.0
    threads: Threads = 1


class QualityLimits(Settings):
    """What is still good; a check that is not passed is shown, or leaves the patient out.

    Attributes
    ----------
    fewest : int
        With fewer scans, or patients, nothing is compared with the cohort.
    outlier_z : float
        Robust z beyond which a scan's surface holes or contrast, or a parcel's volume or change,
        is an outlier (Iglewicz and Hoaglin 1993).
    tiv_change_warns_percent, tiv_change_excludes_percent : float
        Change of the intracranial volume between the two sessions, in percent of their mean. An
        adult's skull does not change, so more than this is a fault of a scan or of its
        segmentation.
    parcel_share_warns, parcel_share_excludes : float
        Share of the parcels of one patient that are outliers.
    swap_correlation : float
        Left and right were exchanged in a scan whose pattern of asymmetry correlates with that of
        the cohort below minus this, while the other scan's does so above it.
    exchange_margin : float
        Two patients' scans were exchanged where each resembles the other's better than the
        patient's own by this much correlation.
    same_session_percent : float
        Both sessions of a patient are one scan where their volumes, apart from one factor, differ
        by less; 0 switches the check off.
    same_person_percent : float
        Two labels are one person where their volumes, apart from one factor, differ by less; 0
        switches the check off (phantoms that are made of one brain).
    """

    fewest: Positive = 5
    outlier_z: Annotated[float, Field(gt=0, le=100)] = 3.5
    tiv_change_warns_percent: Percent = 2.0
    tiv_change_excludes_percent: Percent = 3.0
    parcel_share_warns: Annotated[float, Field(ge=0, le=1)] = 0.05
    parcel_share_excludes: Annotated[float, Field(ge=0, le=1)] = 0.10
    swap_correlation: Annotated[float, Field(ge=0, le=1)] = 0.3
    exchange_margin: Annotated[float, Field(ge=0, le=2)] = 0.2
    same_session_percent: Annotated[float, Field(ge=0, le=100)] = 0.5
    same_person_percent: Annotated[float, Field(ge=0, le=100)] = 5.0


class Treatment(Settings):
    """Which columns of participants.tsv, or of the sessions files, say how patients were treated.

    ``placement`` of the electrodes, number of ``sessions``, mean ``charge`` in mC, mean duration
    of the ``seizure`` in s, ``days_since_last`` session at the follow-up scan, ``medication``.
    """

    placement: str | None = None
    sessions: str | None = None
    charge: str | None = None
    seizure: str | None = None
    days_since_last: str | None = None
    medication: str | None = None

    def columns(self) -> dict[str, str]:
        """Return the columns that are named, by what the table `participants` calls them."""
        named = {
            "ect_placement": self.placement,
            "n_ect": self.sessions,
            "ect_charge_mc": self.charge,
            "ect_seizure_s": self.seizure,
            "days_since_ect": self.days_since_last,
            "ect_medication": self.medication,
        }
        return {ours: theirs for ours, theirs in named.items() if theirs is not None}


class Instrument(Settings):
    """A rating or questionnaire: which file and column hold its score.

    Either ``column``: a column of each subject's ``sub-*_sessions.tsv``; or ``file`` (relative to
    the BIDS folder, such as ``phenotype/audit.tsv``) with one of ``columns``, by session. Where
    that file has one row per subject and ``session_id``, the same column may be named for each.
    A score outside ``minimum`` and ``maximum`` is refused; without them the limits of a known
    instrument hold (`plausible_scores.known_instrument`). ``better`` says which way a score gets
    better; ``response_percent`` or ``response_points`` the improvement that counts as response, and
    ``remission`` the worst score that counts as remission. Without them holds what is known of the
    instrument (`instrument_meaning`).
    """

    title: str
    column: str | None = None
    file: Path | None = None
    columns: dict[Label, str] = {}
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    better: Literal["lower", "higher"] | None = None
    response_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    response_points: Annotated[float, Field(gt=0, le=1_000)] | None = None
    remission: FiniteFloat | None = None

    @model_validator(mode="after")
    def _one_response(self) -> Instrument:
        if self.response_percent is not None and self.response_points is not None:
            raise ValueError("give either `response_percent` or `response_points`")
        if self.response_percent is not None and self.better == "higher":
            raise ValueError(
                "`response_percent` is of a score that falls: where higher is better, give "
                "`response_points`"
            )
        return self

    @model_validator(mode="after")
    def _one_place(self) -> Instrument:
        in_sessions_file = self.column is not None and self.file is None and not self.columns
        in_own_file = self.file is not None and bool(self.columns) and self.column is None
        if not (in_sessions_file or in_own_file):
            raise ValueError(
                "give either `column` (of sub-*_sessions.tsv) or `file` with `columns` by session"
            )
        return self

    @model_validator(mode="after")
    def _limits_in_order(self) -> Instrument:
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low >= high:
            raise ValueError("minimum must be below maximum")
        return self


class AtlasSource(Settings):
    """The files of an atlas that is not packaged, relative to the study.

    ``volume``: labels in MNI152; or ``left`` and ``right``: labels on fsaverage, fsaverage5 or
    fsaverage6 (annot or GIFTI). ``info``: a table with id, label, hemisphere and structure; surface
    files that carry their parcels' names do without.
    """

    volume: Path | None = None
    left: Path | None = None
    right: Path | None = None
    info: Path | None = None

    @model_validator(mode="after")
    def _some_labels(self) -> AtlasSource:
        if self.volume is None and self.left is None and self.right is None:
            raise ValueError("name a `volume`, or surface files `left` and `right`")
        return self


class Parcellation(Settings):
    """A parcellation: its name in FreeSurfer's files, its atlas, its gene expression.

    ``freesurfer`` is the parcellation's own name where it is not said.
    ``expression`` is ``packaged`` (desikan_killiany only), ``donors`` (abagen, see
    [transcriptome]) or ``none``. Without ``atlas`` it is a packaged parcellation.
    """

    freesurfer: FreeSurferName | None = None
    expression: Literal["packaged", "donors", "none"] = "none"
    atlas: AtlasSource | None = None
