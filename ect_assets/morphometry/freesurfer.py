"""Volumes from FreeSurfer subject folders: one folder of statistics per subject and session.

Reads what recon-all left in `stats/`; it starts no reconstruction. Group tables belong in
`group_tables`; what both share in `volumes`.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.morphometry.naming import SIDES, folder_pattern, freesurfer_name, shown_path
from ect_assets.morphometry.stats_files import StatsFile, StatsFileError, read_stats
from ect_assets.morphometry.volumes import Hemisphere, Scan, parcel_rows, scan_row
from ect_assets.problems import EVERY, StudyError
from ect_assets.study import Study

_ASEG = "aseg.stats"
_COLUMNS = {"GrayVol": "gmv_mm3", "SurfArea": "area_mm2", "ThickAvg": "thickness_mm"}


class FreeSurferSubjects:
    """FreeSurfer's subject folders below ``study.morphometry_folder``.

    Parameters
    ----------
    study : Study
        The settings; ``morphometry.subject_folder`` says how the folders are named.
    """

    name = "freesurfer"

    def __init__(self, study: Study):
        self._study = study
        self._folder = study.morphometry_folder
        self._pattern = folder_pattern(study.morphometry.subject_folder)

    def scan_volumes(self, subject: str, session: str) -> pd.DataFrame:
        """Read the whole-brain volumes of one session.

        Parameters
        ----------
        subject, session : str
            Labels.

        Returns
        -------
        (1 row) DataFrame
            Columns of the table `scan_volumes`.

        Raises
        ------
        InputProblem
            With everything that is wrong with this session's aseg.stats.
        StudyError
            When the folder of all subjects is missing.
        """
        findings = Findings("scan_volumes")
        scan = self._scan(subject, session)
        stats = self._stats_folder(scan, EVERY, findings)
        content = self._read(stats / _ASEG, scan, EVERY, findings)
        findings.raise_any()
        file = f"{_ASEG} ({shown_path(self._study, stats)})"
        measures = content.measures if content is not None else {}
        row = scan_row(measures, scan, file, findings, self._study.group.adjusts_for_etiv)
        findings.raise_any()
        return row

    def parcel_gmv(
        self, subject: str, session: str, parcellation: str, parcels: pd.DataFrame
    ) -> pd.DataFrame:
        """Read the gray matter volume of every cortical parcel in one session.

        Parameters
        ----------
        subject, session, parcellation : str
            Labels.
        parcels : DataFrame
            Rows of the table `parcels` for this parcellation.

        Returns
        -------
        DataFrame
            Columns of the table `parcel_gmv`, one row per cortical parcel in the given order.

        Raises
        ------
        InputProblem
            With everything that is wrong with this session's files.
        StudyError
            When the folder of all subjects or the setting of the parcellation is missing.
        """
        findings = Findings("parcel_gmv")
        scan = self._scan(subject, session)
        annotation = freesurfer_name(self._study, parcellation)
        stats = self._stats_folder(scan, parcellation, findings)
        hemispheres = []
        for side in SIDES:
            path = stats / f"{side}.{annotation}.stats"
            content = self._read(path, scan, parcellation, findings)
            if content is not None:
                measures = content.table.set_index("StructName")[list(_COLUMNS)]
                hemispheres.append(
                    Hemisphere(
                        side,
                        path.name,
                        shown_path(self._study, stats),
                        measures.rename(columns=_COLUMNS).astype("float64"),
                        is_row_by_row=True,
                    )
                )
        frame = parcel_rows(hemispheres, parcels, parcellation, scan, findings)
        findings.raise_any()
        return frame

    def files(self, subject: str) -> list[Path]:
        """List the statistics files that are read for a subject, of all its sessions.

        Parameters
        ----------
        subject : str
            Label.

        Returns
        -------
        list of Path
            Those that exist.
        """
        annotations = [setting.freesurfer for setting in self._study.parcellations.values()]
        names = [f"{side}.{annotation}.stats" for annotation in annotations for side in SIDES]
        paths = [
            self._folder / self._folder_of(subject, session) / "stats" / name
            for session in self.sessions(subject)
            for name in [_ASEG, *dict.fromkeys(names)]
        ]
        return [path for path in paths if path.is_file()]

    def sessions(self, subject: str) -> list[str]:
        """List the sessions for which a subject has a folder.

        Parameters
        ----------
        subject : str
            Label.

        Returns
        -------
        list of str
            Sorted labels.
        """
        found = set()
        for folder in self._folder.glob(self._folder_of(subject, "*")):
            match = self._pattern.fullmatch(folder.relative_to(self._folder).as_posix())
            if match and match["subject"] == subject and folder.is_dir():
                found.add(match["session"])
        return sorted(found)

    def _folder_of(self, subject: str, session: str) -> str:
        return self._study.morphometry.subject_folder.format(subject=subject, session=session)

    def _scan(self, subject: str, session: str) -> Scan:
        mend = f"Run recon-all again for this session, then `ect run --subject {subject}`."
        return Scan(subject, session, self.name, mend)

    def _stats_folder(self, scan: Scan, parcellation: str, findings: Findings) -> Path:
        if not self._folder.is_dir():
            raise StudyError(
                f"{shown_path(self._study, self._folder)} is missing, expected FreeSurfer's "
                "subject folders. Put them there, or mend `folder` in [morphometry] of study.toml."
            )
        folder = self._folder / self._folder_of(scan.subject, scan.session)
        if not folder.is_dir():
            findings.add(
                "session_missing",
                f"{shown_path(self._study, folder)} is missing, so there are no volumes; sessions "
                f"found: {', '.join(self.sessions(scan.subject)) or 'none'}. {scan.mend}",
                scan.subject,
                scan.session,
                parcellation,
            )
            findings.raise_any()
        return folder / "stats"

    def _read(
        self, path: Path, scan: Scan, parcellation: str, findings: Findings
    ) -> StatsFile | None:
        """Read one file, or take up why it cannot be used."""
        who = (scan.subject, scan.session, parcellation)
        folder = shown_path(self._study, path.parent)
        if not path.is_file():
            sentence = f"{path.name} is missing ({folder}). {scan.mend}"
            findings.add("stats_missing", sentence, *who)
            return None
        try:
            content = read_stats(path)
        except StatsFileError as error:
            findings.add("stats_unreadable", f"{error} ({folder}). {scan.mend}", *who)
            return None
        lacking = [column for column in _COLUMNS if column not in content.table]
        if lacking and path.name != _ASEG:
            sentence = f"{path.name} has no column {', '.join(lacking)} ({folder}). {scan.mend}"
            findings.add("stats_unreadable", sentence, *who)
            return None
        return content
