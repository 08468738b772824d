"""The settings of one study: `study.toml`, read once, typed and checked.

Everything that differs between two studies stands here: folders, sessions, instruments,
parcellations, null models, seeds. The code assumes none of it. What a table looks like belongs
in `tables`; where the lake keeps its files belongs in `lake`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ect_assets.cluster.settings import Cluster
from ect_assets.places import Place, place_of
from ect_assets.problems import StudyError
from ect_assets.study_file import read_settings
from ect_assets.study_places import refuse_impossible_places

STUDY_FILE = "study.toml"
STUDIES_FOLDER = "studies"

OF_RESULTS = (
    "seed",
    "simulated",
    "sessions",
    "morphometry",
    "quality",
    "instruments",
    "parcellations",
    "transcriptome",
    "group",
    "association",
    "nulls",
    "calibration",
    "gene_sets",
    "enrichment",
)
"""Settings that results rest on: a report tells them, and is written anew when one changes."""

FAULTS_SHOWN = 10
PLAIN_WORDS = {
    "extra_forbidden": "there is no such setting; is it misspelt?",
    "missing": "is missing",
    "finite_number": "has to be a number, not nan or inf",
    "string_pattern_mismatch": "only letters and digits, without sub- or ses-; names of "
    "parcellations and instruments in lower case, with _",
}
"""What is said instead of the validator's own words, by its kinds of fault."""

UI_HOST = re.compile(r"(https?://)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")
WEB_ADDRESS = re.compile(r"https?://[^/\s]", re.I)
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
NullModel = Literal["vasa", "hungarian", "moran", "burt"]


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


class Sessions(Settings):
    """The two sessions that are compared, by their BIDS labels."""

    baseline: Label = "pre"
    follow_up: Label = "post"

    @model_validator(mode="after")
    def _differ(self) -> Sessions:
        if self.baseline == self.follow_up:
            raise ValueError("baseline and follow_up must be two different sessions")
        return self

    @property
    def both(self) -> tuple[str, str]:
        """Baseline and follow-up, in this order."""
        return self.baseline, self.follow_up


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

    source: Literal["freesurfer", "freesurfer_tables", "recon-all", "volumetric"] = "freesurfer"
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


class Instrument(Settings):
    """A rating or questionnaire: which file and column hold its score.

    Either ``column``: a column of each subject's ``sub-*_sessions.tsv``; or ``file`` (relative to
    the BIDS folder, such as ``phenotype/audit.tsv``) with one of ``columns``, by session. Where
    that file has one row per subject and ``session_id``, the same column may be named for each.
    A score outside ``minimum`` and ``maximum`` is refused; without them the limits of a known
    instrument hold (`plausible_scores.known_instrument`).
    """

    title: str
    column: str | None = None
    file: Path | None = None
    columns: dict[Label, str] = {}
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Instrument:
        in_sessions_file = self.column is not None and self.file is None and not self.columns
        in_own_file = self.file is not None and bool(self.columns) and self.column is None
        if not (in_sessions_file or in_own_file):
            raise ValueError(
                "say either `column` (of sub-*_sessions.tsv) or `file` with `columns` by session"
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


Normalization = Literal[
    "none",
    "srs",
    "scaled_robust_sigmoid",
    "rs",
    "robust_sigmoid",
    "scaled_sig",
    "scaled_sig_qnt",
    "sig",
    "mixed_sig",
    "zscore",
    "minmax",
    "center",
]
"""abagen's names of its normalisations."""


class Transcriptome(Settings):
    """How gene expression per parcel is made of the donors' samples: abagen's own options.

    The defaults are those of the published method (reannotated probes, intensity filter 0.5,
    differential stability, 2 mm, scaled robust sigmoid, mean within and then across donors), and
    abagen's; ``none`` stands for None. ``donors_folder`` is relative to the study; without it the
    study's folder ``ahba``, ``$ABAGEN_DATA`` and abagen's own folder are looked at, in this order.
    """

    donors_folder: Path | None = None
    download: bool = False
    donors: tuple[str, ...] = ()
    reannotated: bool = True
    ibf_threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    probe_selection: Literal[
        "diff_stability",
        "average",
        "mean",
        "max_intensity",
        "max_variance",
        "pc_loading",
        "corr_intensity",
        "corr_variance",
        "rnaseq",
    ] = "diff_stability"
    donor_probes: Literal["aggregate", "independent", "common"] = "aggregate"
    sim_threshold: Annotated[float, Field(gt=0, le=100)] | None = None
    lr_mirror: Literal["none", "bidirectional", "leftright", "rightleft"] = "none"
    tolerance: Annotated[float, Field(ge=0, le=100)] = 2
    sample_norm: Normalization = "srs"
    gene_norm: Normalization = "srs"
    norm_matched: bool = True
    norm_structures: bool = False
    missing: Literal["none", "centroids", "interpolate"] = "none"
    region_agg: Literal["donors", "samples"] = "donors"
    agg_metric: Literal["mean", "median"] = "mean"
    corrected_mni: bool = True

    def abagen_options(self) -> dict[str, Any]:
        """Return the arguments of `abagen.get_expression_data`, every one of them."""
        ours = {"donors_folder", "download", "donors"}
        said = self.model_dump(exclude=ours)
        return {name: None if value == "none" else value for name, value in said.items()}


class Group(Settings):
    """The test of change over patients."""

    adjusts_for_etiv: bool = True


class Association(Settings):
    """Partial least squares between the map of change and gene expression, and symptoms."""

    hemisphere: Literal["L", "R", "both"] = "L"
    structures: tuple[str, ...] = ("cortex",)
    components: Annotated[int, Field(gt=0, le=100)] = 2
    permutations: Permutations = 10_000
    bootstraps: Annotated[int, Field(ge=50, le=100_000)] = 1_000
    gene_list_q: Annotated[float, Field(gt=0, lt=1)] = 0.001


class Nulls(Settings):
    """Spatial null models: which, how many maps of each, and which one p_spatial is read from."""

    models: tuple[NullModel, ...] = ("vasa", "moran")
    primary: NullModel = "moran"
    n: Annotated[int, Field(ge=19, le=100_000)] = 1_000

    @model_validator(mode="after")
    def _primary_is_computed(self) -> Nulls:
        if self.primary not in self.models:
            raise ValueError(f"primary is {self.primary!r}, which is not among models")
        return self


class Calibration(Settings):
    """Noise maps on which the tests are tried: how smooth, how many, and nulls for each."""

    lengths_mm: Annotated[
        tuple[Annotated[float, Field(ge=0, le=500)], ...], Field(max_length=20)
    ] = (15.0, 25.0, 40.0)
    maps: Annotated[int, Field(ge=20, le=10_000)] = 100
    nulls: Annotated[int, Field(ge=19, le=10_000)] = 199
    symptom_maps: Annotated[int, Field(ge=20, le=10_000)] = 200
    symptom_patients: Annotated[int, Field(ge=20, le=10_000)] = 200

    @field_validator("lengths_mm")
    @classmethod
    def _some_length(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value:
            raise ValueError("name at least one length")
        return value


class GeneSetSource(Settings):
    """A collection of gene sets of the user's own.

    ``file`` is a GMT file, relative to the study; ``enrichr`` the name of a library of Enrichr,
    which is downloaded once through gseapy and then kept beside the study.
    """

    file: Path | None = None
    enrichr: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> GeneSetSource:
        if (self.file is None) == (self.enrichr is None):
            raise ValueError("say either `file` or `enrichr`")
        return self


class Enrichment(Settings):
    """Tests of gene sets; Gene Ontology has many and gets permutations of its own."""

    permutations: Permutations = 10_000
    ontology_permutations: Permutations = 1_000
    min_size: Genes = 10
    max_size: Genes = 500

    @model_validator(mode="after")
    def _some_size(self) -> Enrichment:
        if self.min_size > self.max_size:
            raise ValueError("min_size is larger than max_size, so that no gene set is left")
        return self


class Arrival(Settings):
    """When a patient's data are complete, so that the daemon takes them up without being asked.

    Attributes
    ----------
    sessions : bool
        Wait for the data of both sessions.
    instruments : tuple of str
        Wait for both scores of these instruments.
    settle_minutes : float
        A file that was written more recently may still be on its way.
    look_every_seconds : int
        How often the folders are looked at.
    """

    sessions: bool = True
    instruments: tuple[Name, ...] = ()
    settle_minutes: Annotated[float, Field(ge=0, le=43_200)] = 10
    look_every_seconds: Annotated[int, Field(ge=1, le=86_400)] = 30


Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Weekday = Literal["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]


class Schedule(Settings):
    """What the daemon does by itself, and when, in the study's time zone.

    Attributes
    ----------
    arrivals : bool
        Take up new and changed data as they settle.
    nightly, weekly : bool
        The check of the whole study, and the recomputation of the calibrations.
    time_zone : str
        Such as ``Europe/Berlin``.
    nightly_at, weekly_at : str
        Hours and minutes.
    weekly_on : str
        Day of the week.
    """

    arrivals: bool = True
    nightly: bool = True
    weekly: bool = True
    time_zone: str = "UTC"
    nightly_at: Clock = "02:00"
    weekly_on: Weekday = "Sunday"
    weekly_at: Clock = "04:00"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("there is no such time zone; say one such as Europe/Berlin")
        return value


class Ui(Settings):
    """Under which names, beside those of the loopback address, browsers reach `ect ui`.

    Each is what stands in the browser's address: ``ect.example.org`` for https on its own port,
    ``ect.example.org:8443``, or with ``http://`` in front. A proxy has to pass it on as `Host`.
    """

    hosts: tuple[str, ...] = ()

    @field_validator("hosts")
    @classmethod
    def _only_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not UI_HOST.fullmatch(one):
                raise ValueError(
                    f"{one!r} is not a name with, where needed, a port; write for example "
                    '"ect.example.org" or "http://localhost:8080"'
                )
        return value


class Notifications(Settings):
    """Where failures are told, beside the log in the study's folder; never with patients' data.

    ``webhook`` takes a POST with a JSON object whose ``text`` is the message; ``mail_to`` is
    written to through ``mail_server`` (``host:port``). A user name and a password for it come
    from the environment: ``ECT_MAIL_USER``, ``ECT_MAIL_PASSWORD``. ``private_hosts`` are names
    that the webhook may reach at a private address, such as a chat server of the hospital.
    """

    webhook: str | None = None
    private_hosts: tuple[str, ...] = ()
    mail_to: tuple[str, ...] = ()
    mail_from: str = "ect-assets@localhost"
    mail_server: str = "localhost:25"

    @field_validator("webhook")
    @classmethod
    def _on_the_web(cls, value: str | None) -> str | None:
        if value is not None and not WEB_ADDRESS.match(value):
            raise ValueError("the address must begin with https:// or http:// and a host")
        return value


class Report(Settings):
    """Whether pages with figures are written whenever results change."""

    pages: bool = True


class Storage(Settings):
    """Where Dagster keeps the records of runs.

    ``sqlite``: files in the study. ``postgres``: a server, for more than one host; its address and
    login come from the environment (``PGHOST`` and so on), never from here. ``postgres_schema`` is
    the study's schema there; ``ect_`` and the study's name where it is not said. Runs are deleted
    after ``keep_runs_days``, with their events, unless something that is shown as present comes
    from them; 0 keeps all.
    """

    dagster: Literal["sqlite", "postgres"] = "sqlite"
    postgres_schema: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")] | None = None
    keep_runs_days: Annotated[int, Field(ge=0)] = 365


class Study(Settings):
    """One study: its `study.toml`, with folders made absolute."""

    name: Name
    title: str
    simulated: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 20250101
    folder: Path
    bids: Path = Path("bids")
    lake: str = "data_lake"
    participants: dict[str, str] = {}
    sessions: Sessions = Sessions()
    scans: Scans = Scans()
    privacy: Privacy = Privacy()
    morphometry: Morphometry = Morphometry()
    quality: QualityLimits = QualityLimits()
    instruments: dict[Name, Instrument] = {}
    parcellations: dict[Name, Parcellation]
    transcriptome: Transcriptome = Transcriptome()
    group: Group = Group()
    association: Association = Association()
    nulls: Nulls = Nulls()
    calibration: Calibration = Calibration()
    gene_sets: dict[Name, GeneSetSource] = {}
    enrichment: Enrichment = Enrichment()
    arrival: Arrival = Arrival()
    schedule: Schedule = Schedule()
    ui: Ui = Ui()
    notifications: Notifications = Notifications()
    report: Report = Report()
    storage: Storage = Storage()
    cluster: Cluster = Cluster()

    @model_validator(mode="after")
    def _known_instruments(self) -> Study:
        unknown = sorted(set(self.arrival.instruments) - set(self.instruments))
        if unknown:
            raise ValueError(f"[arrival] instruments: {', '.join(unknown)} is not an instrument")
        return self

    @field_validator("parcellations")
    @classmethod
    def _some_parcellation(cls, value: dict) -> dict:
        if not value:
            raise ValueError("name at least one parcellation")
        return value

    @field_validator("parcellations")
    @classmethod
    def _named_for_freesurfer(cls, value: dict[str, Parcellation]) -> dict[str, Parcellation]:
        return {
            name: one.model_copy(update={"freesurfer": one.freesurfer or name})
            for name, one in value.items()
        }

    @cached_property
    def plain(self) -> dict[str, Any]:
        """All settings as plain values, the same in any process."""
        return self.model_dump(mode="json")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Study:
        """Copy the study, with some settings changed."""
        copied = super().model_copy(update=update, deep=deep)
        # pydantic would take it over from before the change.
        copied.__dict__.pop("plain", None)
        return copied

    @property
    def bids_folder(self) -> Path:
        """The BIDS dataset."""
        return self.folder / self.bids

    @property
    def morphometry_folder(self) -> Path:
        """Where the source of the volumes lies."""
        return self.folder / self.morphometry.folder

    @property
    def lake_folder(self) -> Place:
        """Where the tables are kept: a folder, or a place in an object store."""
        return place_of(self.lake, self.folder)

    @property
    def cache_folder(self) -> Path:
        """Where results of long computations are kept; it may be deleted at any time."""
        return self.folder / ".cache"

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps this study's runs; inside the study, so that studies never mix."""
        return self.folder / ".dagster"


def load_study(folder: Path | str) -> Study:
    """Read and check `study.toml`.

    Parameters
    ----------
    folder : path
        The study's folder, or its `study.toml`.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        When there is no such file, it is not TOML, or a setting is unknown or out of range; the
        message names the setting.
    """
    folder = Path(folder).expanduser().resolve()
    file = folder if folder.name == STUDY_FILE else folder / STUDY_FILE
    if not file.is_file():
        raise StudyError(
            f"{file.parent} is not a study: it has no {STUDY_FILE}. "
            "Make one with `ect init PATH`, or try `ect demo`."
        )
    settings = read_settings(file)
    if "folder" in settings:
        raise StudyError(f"{file}: folder: it is where this file lies; take the setting away.")
    try:
        study = Study(folder=file.parent, **settings)
    except ValidationError as error:
        raise StudyError(f"{file}: {_faults(error)}.") from error
    try:
        refuse_impossible_places(study)
    except StudyError as error:
        raise StudyError(f"{file}: {error}") from error
    return study


def _faults(error: ValidationError) -> str:
    """Name each setting that cannot be right, and why; of very many the first."""
    faults = error.errors(include_url=False, include_input=False)
    said = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'study'}: "
        f"{PLAIN_WORDS.get(fault['type'], fault['msg'])}"
        for fault in faults[:FAULTS_SHOWN]
    ]
    more = len(faults) - FAULTS_SHOWN
    return "; ".join([*said, f"and {more} more"] if more > 0 else said)


def find_study(said: str | Path | None = None) -> Path:
    """Find the folder of the study that a command is about.

    Parameters
    ----------
    said : path or str, optional
        What the user said (``--study``): a folder, or the name of a folder below ``studies/``.
        Without it ``ECT_STUDY``, then the current folder and those above it, then the only
        study below ``studies/``.

    Returns
    -------
    Path
        A folder that holds a `study.toml`.

    Raises
    ------
    StudyError
        When there is none, or more than one and none was said.
    """
    said = said or os.environ.get("ECT_STUDY") or None
    if said is not None:
        named = Path(said).expanduser()
        for folder in (named, Path(STUDIES_FOLDER) / named):
            if (folder / STUDY_FILE).is_file():
                return folder.resolve()
        raise StudyError(
            f"{named} is not a study: it has no {STUDY_FILE}. "
            "Make one with `ect init PATH`, or try `ect demo`."
        )
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / STUDY_FILE).is_file():
            return folder
    found = sorted(file.parent for file in here.glob(f"{STUDIES_FOLDER}/*/{STUDY_FILE}"))
    if len(found) == 1:
        return found[0]
    if not found:
        raise StudyError(
            f"There is no study here ({here}). Try `ect demo`, make one with `ect init PATH`, "
            "or say which with --study PATH."
        )
    names = ", ".join(folder.name for folder in found)
    raise StudyError(f"There are several studies here: {names}. Say which with --study NAME.")
