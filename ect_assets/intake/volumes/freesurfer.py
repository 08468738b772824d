"""Volumes from FreeSurfer subject folders: one folder per subject and session.

Reads what recon-all left: the statistics in `stats/`, or the surfaces where an atlas has no
statistics. It starts no reconstruction (`recon_all`). Names and states of folders belong in
`freesurfer_layouts`, group tables in `group_tables`; what all sources share in `volumes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.folder_names import names_beginning
from ect_assets.intake.source_files import usable_files
from ect_assets.intake.volumes.atlas_labels import is_on_fsaverage, study_labels
from ect_assets.intake.volumes.freesurfer_layouts import (
    ASEG_NAMES,
    annotation_names,
    cortex_stats_file,
    obstacle,
    state_files,
    stats_file,
    unfinished,
    versions,
)
from ect_assets.intake.volumes.naming import (
    SIDES,
    folder_pattern,
    freesurfer_name,
    shown_path,
    with_etiv,
)
from ect_assets.intake.volumes.segments import (
    ASEG,
    aseg_rows,
    has_segments,
    is_segmentation,
)
from ect_assets.intake.volumes.stats_files import (
    StatsFile,
    StatsFileError,
    read_stats,
)
from ect_assets.intake.volumes.subfields import candidates, part_rows
from ect_assets.intake.volumes.subject_access import why_closed, why_refused
from ect_assets.intake.volumes.subject_surfaces import SurfaceFiles, choose_files, lacking_surfaces
from ect_assets.intake.volumes.surface_hemispheres import surface_hemispheres
from ect_assets.intake.volumes.volumes import (
    Hemisphere,
    Scan,
    contradicted_etiv,
    parcel_rows,
    scan_row,
)
from ect_assets.problems import EVERY, StudyError
from ect_assets.study import Study

FROM_SURFACES = "freesurfer_surfaces"
"""What the column ``source`` says of volumes that we measured on FreeSurfer's surfaces."""

_COLUMNS = {"GrayVol": "gmv_mm3", "SurfArea": "area_mm2", "ThickAvg": "thickness_mm"}


class FreeSurferSubjects:
    """FreeSurfer's subject folders below ``study.morphometry_folder``.

    Parameters
    ----------
    subject_folder : str, optional
        How the folders are named; ``morphometry.subject_folder`` of the study if not given.
    """

    name = "freesurfer"
    measures_images = False
    fills_folder = False
    holds_many = False
    versions: Mapping[str, int] = {}

    def __init__(self, study: Study, subject_folder: str | None = None):
        self._study = study
        self._folder = study.morphometry_folder
        self._template = subject_folder or study.morphometry.subject_folder
        self._pattern = folder_pattern(self._template)

    def scan_volumes(self, subject: str, session: str) -> pd.DataFrame:
        """Read aseg.stats; what it lacks, from the headers of the cortex's statistics.

        FreeSurfer 6 and later repeat eTIV and the brain's volume there.
        """
        findings = Findings("scan_volumes")
        scan = self._scan(subject, session)
        folder = self._subject_folder(scan, EVERY, findings)
        path = stats_file(folder, ASEG_NAMES)
        file = self._shown_file(path)
        measures: dict[str, float] = {}
        if path.is_file():
            content = self._read(path, scan, EVERY, findings)
            measures = with_etiv(content.measures) if content is not None else {}
        if "eTIV" not in measures and not findings.problems:
            repeated = self._repeated_by_cortex(folder, scan, findings)
            if not (repeated or path.is_file() or findings.problems):
                self._read(path, scan, EVERY, findings)
            measures = repeated | measures
        findings.raise_any()
        row = scan_row(measures, scan, file, findings, self._study.group.adjusts_for_etiv)
        findings.raise_any()
        return row

    def parcel_gmv(
        self, subject: str, session: str, parcellation: str, parcels: pd.DataFrame
    ) -> pd.DataFrame:
        """Read the statistics of the cortex, and the volumes of what lies outside it.

        Where some session of the subject has no statistics of the parcellation, all sessions are
        measured on their surfaces instead, if every one has them. Parcels outside FreeSurfer's
        cortex have no row where it gives them no volume.
        """
        findings = Findings("parcel_gmv")
        if is_segmentation(self._study, parcellation):
            return self._segmented(subject, session, parcellation, parcels, findings)
        compared = list(self.compared_folders(subject, session).values())
        files = self._surface_files(compared, parcellation)
        scan = self._scan(subject, session, self.name if files is None else FROM_SURFACES)
        folder = self._subject_folder(scan, parcellation, findings)
        etivs: dict[str, float] = {}
        if files is None:
            hemispheres, etivs = self._from_stats(folder, scan, parcellation, findings)
        else:
            shown = shown_path(self._study, folder)
            labels = study_labels(self._study, parcellation)
            closed = why_refused(
                self._study, (path for side in SIDES for path in files.paths(folder, side).values())
            )
            if closed is not None:
                findings.add(*closed, subject, session, parcellation)
                findings.raise_any()
            hemispheres, faults = surface_hemispheres(
                folder, shown, files, parcellation, parcels, labels
            )
            for fault in faults:
                sentence = f"{fault} ({shown}). {scan.fix}"
                findings.add("surface_unreadable", sentence, subject, session, parcellation)
        etiv, segments = None, None
        path = stats_file(folder, ASEG_NAMES)
        if not findings.problems:
            segments = self._segments(path)
            measures = {} if segments is None else with_etiv(segments.measures)
            etivs |= _etiv_by_file({path.name: measures})
            etiv = contradicted_etiv(etivs, scan, parcellation, findings)
        is_measured_here = files is not None
        frame = parcel_rows(
            hemispheres, parcels, parcellation, scan, findings, etiv, is_measured_here
        )
        if has_segments(self._study, parcellation):
            mine, where = self._scan(subject, session), self._shown_file(path)
            rows = aseg_rows(segments, where, parcels, parcellation, mine, findings)
            frame = pd.concat([frame, rows], ignore_index=True)
        findings.raise_any()
        return frame

    def _segmented(
        self,
        subject: str,
        session: str,
        parcellation: str,
        parcels: pd.DataFrame,
        findings: Findings,
    ) -> pd.DataFrame:
        """Read a parcellation without cortex: the aseg, hippocampal subfields, amygdala nuclei."""
        scan = self._scan(subject, session)
        folder = self._subject_folder(scan, parcellation, findings)
        if parcellation == ASEG:
            path = stats_file(folder, ASEG_NAMES)
            content, where = self._read(path, scan, parcellation, findings), self._shown_file(path)
            frame = aseg_rows(content, where, parcels, parcellation, scan, findings)
        else:
            compared = self.compared_folders(subject, session).values()
            frame = part_rows(self._study, folder, compared, parcels, parcellation, scan, findings)
        if frame.empty and not findings.problems:
            shown = shown_path(self._study, folder)
            sentence = f"{shown} has no volume of {parcellation}. {scan.fix}"
            findings.add("parcel_missing", sentence, subject, session, parcellation)
        findings.raise_any()
        return frame

    def files(self, subject: str) -> list[Path]:
        """List the files that are read for a subject, of all its sessions."""
        paths: list[Path] = []
        folders = self.compared_folders(subject, *self.sessions(subject))
        for session, folder in folders.items():
            compared = _compared(folders, self._study.sessions.both, session)
            paths += [stats_file(folder, ASEG_NAMES), *state_files(folder)]
            for parcellation in self._study.parcellations:
                if is_segmentation(self._study, parcellation):
                    paths += candidates(folder, parcellation)
                    continue
                annotation = self._annotation(parcellation)
                paths += [cortex_stats_file(folder, side, annotation) for side in SIDES]
                files = self._surface_files(compared, parcellation)
                if files is not None:
                    paths += [path for side in SIDES for path in files.paths(folder, side).values()]
        return usable_files(paths, self._folder, self._study.bids_folder)

    def sessions(self, subject: str) -> list[str]:
        """List the sessions for which a subject has a folder."""
        matches = map(self._pattern.fullmatch, self._folder_names(subject))
        of_subject = {one["session"] for one in matches if one and one["subject"] == subject}
        return sorted(one for one in of_subject if self._folder_of(subject, one).is_dir())

    def _folder_names(self, subject: str) -> Iterable[str]:
        """List, relative to the folder of all subjects, what may be a folder of this one."""
        if "/" not in self._template:
            beginning = self._template.partition("{session}")[0].format(subject=subject)
            return names_beginning(self._folder, beginning)
        found = self._folder.glob(self._template.format(subject=subject, session="*"))
        return (folder.relative_to(self._folder).as_posix() for folder in found)

    def compared_folders(self, subject: str, *others: str) -> dict[str, Path]:
        """Name a subject's folders by session: of the compared sessions, and of others asked for.

        Returns
        -------
        dict of str to Path
            Those that exist and may be read.
        """
        wanted = {*self._study.sessions.both, *others}
        folders = {name: self._folder_of(subject, name) for name in self.sessions(subject)}
        return {
            name: path
            for name, path in folders.items()
            if name in wanted and why_closed(self._study, path) is None
        }

    def _folder_of(self, subject: str, session: str) -> Path:
        return self._folder / self._template.format(subject=subject, session=session)

    def _annotation(self, parcellation: str) -> str:
        return freesurfer_name(self._study, parcellation)

    def _scan(self, subject: str, session: str, source: str | None = None) -> Scan:
        fix = f"Run recon-all again for this session, then `ect run --subject {subject}`."
        version = versions(self.compared_folders(subject, session)).get(session)
        return Scan(subject, session, source or self.name, fix, version)

    def _subject_folder(self, scan: Scan, parcellation: str, findings: Findings) -> Path:
        """Find the folder of a session, or raise why nothing in it can be read."""
        who = (scan.subject, scan.session, parcellation)
        if not self._folder.is_dir():
            raise StudyError(
                f"{shown_path(self._study, self._folder)} is missing, expected FreeSurfer's "
                "subject folders. Put them there, or fix `folder` in [morphometry] of study.toml."
            )
        folder = self._folder_of(scan.subject, scan.session)
        shown = shown_path(self._study, folder)
        closed = why_closed(self._study, folder)
        if closed is not None:
            findings.add(*closed, *who)
            findings.raise_any()
        if not folder.is_dir():
            findings.add(
                "session_missing",
                f"{shown} is missing, so there are no volumes; sessions "
                f"found: {', '.join(self.sessions(scan.subject)) or 'none'}. {scan.fix}",
                *who,
            )
            findings.raise_any()
        against = obstacle(folder, self.compared_folders(scan.subject, scan.session))
        if against is not None:
            reason, sentence = against
            findings.add(reason, f"{sentence} ({shown}). {scan.fix}", *who)
            findings.raise_any()
        return folder

    def _surface_files(self, compared: list[Path], parcellation: str) -> SurfaceFiles | None:
        """Choose what is measured; None where there are statistics, or not enough surfaces."""
        annotation = self._annotation(parcellation)
        folders = [folder for folder in compared if unfinished(folder) is None]
        paths = [
            cortex_stats_file(folder, side, annotation) for folder in folders for side in SIDES
        ]
        if all(path.is_file() for path in paths):
            return None
        is_known = is_on_fsaverage(self._study, parcellation)
        return choose_files(folders, annotation_names(annotation), is_known)

    def _from_stats(
        self, folder: Path, scan: Scan, parcellation: str, findings: Findings
    ) -> tuple[list[Hemisphere], dict[str, float]]:
        """Read both hemispheres, and by file the intracranial volume that their headers repeat."""
        annotation = self._annotation(parcellation)
        is_known = is_on_fsaverage(self._study, parcellation)
        hemispheres = []
        subjects: set[str | None] = set()
        etivs: dict[str, float] = {}
        for side in SIDES:
            path = cortex_stats_file(folder, side, annotation)
            also = lacking_surfaces(folder, side) if is_known else ""
            content = self._read(path, scan, parcellation, findings, also)
            if content is None:
                continue
            subjects.add(content.subject)
            etivs |= _etiv_by_file({path.name: with_etiv(content.measures)})
            measures = content.table.set_index("StructName")[list(_COLUMNS)]
            measures = measures.rename(columns=_COLUMNS).astype("float64")
            shown = shown_path(self._study, path.parent)
            hemispheres.append(Hemisphere(side, path.name, shown, measures, is_row_by_row=True))
        if len(subjects - {None}) > 1:
            findings.add(
                "scans_mixed",
                f"The headers of the two hemispheres' {annotation} statistics name different "
                f"subjects ({shown_path(self._study, folder)}/stats): one was copied from another "
                f"scan. {scan.fix}",
                scan.subject,
                scan.session,
                parcellation,
            )
        return hemispheres, etivs

    def _repeated_by_cortex(self, folder: Path, scan: Scan, findings: Findings) -> dict[str, float]:
        """Read what the cortex's statistics repeat of the whole brain; both sides must agree."""
        found: dict[str, dict[str, float]] = {}
        for path in self._cortex_stats(folder):
            content = self._read(path, scan, EVERY, findings)
            measures = with_etiv(content.measures) if content is not None else {}
            if "eTIV" in measures:
                found[path.name] = measures
        contradicted_etiv(_etiv_by_file(found), scan, EVERY, findings)
        first = next(iter(found.values()), {})
        return {name: first[name] for name in ("eTIV", "BrainSegVol") if name in first}

    def _segments(self, path: Path) -> StatsFile | None:
        """Read the whole-brain statistics; a file that is damaged is told where it is needed."""
        if why_refused(self._study, [path]) is not None:
            return None
        try:
            return read_stats(path)
        except StatsFileError:
            return None

    def _shown_file(self, path: Path) -> str:
        return f"{path.name} ({shown_path(self._study, path.parent)})"

    def _cortex_stats(self, folder: Path) -> list[Path]:
        """List the statistics of the study's parcellations that a session has."""
        paths = [
            cortex_stats_file(folder, side, self._annotation(parcellation))
            for parcellation in self._study.parcellations
            for side in SIDES
        ]
        return [path for path in paths if path.is_file()]

    def _read(
        self, path: Path, scan: Scan, parcellation: str, findings: Findings, also: str = ""
    ) -> StatsFile | None:
        """Read one file, or take up why it cannot be used and what else helps if it is missing."""
        needed = () if path.name in ASEG_NAMES else _COLUMNS
        closed = why_refused(self._study, [path])
        if closed is not None:
            findings.add(*closed, scan.subject, scan.session, parcellation)
            return None
        try:
            return read_stats(path, needed)
        except StatsFileError as error:
            is_there = path.is_file()
            reason = "stats_unreadable" if is_there else "stats_missing"
            sentence = f"{error} ({shown_path(self._study, path.parent)}). {scan.fix}"
            sentence += "" if is_there else also
            findings.add(reason, sentence, scan.subject, scan.session, parcellation)
            return None


def _etiv_by_file(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {name: one["eTIV"] for name, one in found.items() if one.get("eTIV", 0) > 0}


def _compared(folders: Mapping[str, Path], both: tuple[str, str], session: str) -> list[Path]:
    """Keep the folders of the compared sessions and of the one that is asked for."""
    return [folder for name, folder in folders.items() if name in both or name == session]
