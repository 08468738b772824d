"""Volumes from the group tables of aparcstats2table and asegstats2table.

A folder holds `{lh,rh}.<annotation>.{volume,area,thickness}.ses-<session>.tsv` and
`aseg.volume.ses-<session>.tsv`, or the same without `.ses-...` for all sessions at once. Volume is
required; area, thickness and the aseg table are optional. What both sources share is in `volumes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.source_files import usable_files
from ect_assets.intake.volumes.naming import (
    SIDES,
    folder_pattern,
    freesurfer_name,
    shown_path,
    with_etiv,
)
from ect_assets.intake.volumes.segments import (
    ASEG,
    by_parcel,
    has_segments,
    is_segmentation,
    segment_rows,
)
from ect_assets.intake.volumes.table_files import TableFile, read_table
from ect_assets.intake.volumes.table_rows import (
    find_row,
    read_numbers,
    scan_of_row,
    session_of_file,
)
from ect_assets.intake.volumes.volumes import (
    Hemisphere,
    Scan,
    contradicted_etiv,
    parcel_rows,
    scan_row,
)
from ect_assets.problems import EVERY, StudyError
from ect_assets.study import Study

_OPTIONAL = {"area": "area_mm2", "thickness": "thickness_mm"}
_ENDINGS = (".tsv", ".csv", ".txt")
_NO_PARCELS = frozenset({"MeanThickness", "WhiteSurfArea", "PialSurfArea"})
_WHOLE_BRAIN = (
    "eTIV",
    "BrainSegVol",
    "TotalGrayVol",
    "lhSurfaceHoles",
    "rhSurfaceHoles",
    "SurfaceHoles",
)


class GroupTables:
    """The group tables in ``study.morphometry_folder``.

    Parameters
    ----------
    study : Study
        The settings. Rows are named ``sub-101_ses-pre`` (or as ``morphometry.subject_folder``
        says), or ``sub-101`` or ``101`` in a table of one session.
    """

    name = "freesurfer_tables"
    measures_images = False
    fills_folder = False
    holds_many = True
    versions: Mapping[str, int] = {}

    def __init__(self, study: Study):
        self._study = study
        self._folder = study.morphometry_folder
        self._roots = study.morphometry_folder, study.bids_folder
        self._pattern = folder_pattern(study.morphometry.subject_folder)

    def scan_volumes(self, subject: str, session: str) -> pd.DataFrame:
        """Read the row of the aseg table; without one, only eTIV is known."""
        findings = Findings("scan_volumes")
        scan = self._scan(subject, session)
        tables = self._whole_brain_tables(session)
        measures: dict[str, float] = {}
        etivs: dict[str, float] = {}
        for table in tables:
            if "eTIV" in measures:
                etivs |= self._etiv(table, scan)
                continue
            if findings.problems:
                break
            measures |= self._whole_brain(table, scan, findings)
            etivs |= {table.shown: measures["eTIV"]} if "eTIV" in measures else {}
        contradicted_etiv(etivs, scan, EVERY, findings)
        findings.raise_any()
        frame = scan_row(
            measures, scan, tables[0].shown, findings, self._study.group.adjusts_for_etiv
        )
        findings.raise_any()
        return frame

    def parcel_gmv(
        self, subject: str, session: str, parcellation: str, parcels: pd.DataFrame
    ) -> pd.DataFrame:
        """Read the row of the tables of volume, area and thickness, and of the aseg table."""
        findings = Findings("parcel_gmv")
        scan = self._scan(subject, session)
        if is_segmentation(self._study, parcellation):
            whole = self._segmentation(parcellation, session)
            find_row(whole, self._pattern, scan, parcellation, findings)
            frame = self._segments(whole, scan, parcellation, parcels, findings)
            if frame.empty and not findings.problems:
                sentence = f"{whole.shown} has no structure of {parcellation}. {scan.fix}"
                findings.add("parcel_missing", sentence, subject, session, parcellation)
            findings.raise_any()
            return frame
        annotation = freesurfer_name(self._study, parcellation)
        hemispheres: list[Hemisphere] = []
        etivs: dict[str, float] = {}
        for side in SIDES:
            volume = self._required(f"{side}.{annotation}.volume", session)
            gmv = self._measure(volume, side, "volume", scan, parcellation, findings)
            if not gmv:
                continue
            etivs |= self._etiv(volume, scan)
            measures = pd.DataFrame({"gmv_mm3": gmv}, dtype="float64")
            for kind, column in _OPTIONAL.items():
                table = self._table(f"{side}.{annotation}.{kind}", session)
                values = self._measure(table, side, kind, scan, parcellation, findings)
                of_any_case = {name.casefold(): value for name, value in values.items()}
                names = measures.index.str.casefold()
                measures[column] = names.map(of_any_case).astype("float64")
                etivs |= self._etiv(table, scan)
            file, folder = Path(volume.shown).name, Path(volume.shown).parent.as_posix()
            hemispheres.append(Hemisphere(side, file, folder, measures, is_row_by_row=False))
        segments = self._table("aseg.volume", session)
        etivs |= {} if findings.problems else self._etiv(segments, scan)
        etiv = contradicted_etiv(etivs, scan, parcellation, findings)
        frame = parcel_rows(hemispheres, parcels, parcellation, scan, findings, etiv)
        if segments is not None and has_segments(self._study, parcellation):
            rows = self._segments(segments, scan, parcellation, parcels, findings)
            frame = pd.concat([frame, rows], ignore_index=True)
        findings.raise_any()
        return frame

    def _segmentation(self, parcellation: str, session: str) -> TableFile:
        """Find the table that has a parcellation without cortex."""
        if parcellation != ASEG:
            raise StudyError(
                f"{parcellation} is read from FreeSurfer's subject folders, and the volumes of "
                f'this study come from group tables. Set source = "freesurfer" in [morphometry], '
                f"or take [parcellations.{parcellation}] out of study.toml."
            )
        return self._required("aseg.volume", session)

    def _segments(
        self,
        table: TableFile,
        scan: Scan,
        parcellation: str,
        parcels: pd.DataFrame,
        findings: Findings,
    ) -> pd.DataFrame:
        """Read what the aseg table has of the parcels outside the cortex.

        That it has no row of the scan is told where the whole-brain measures are read.
        """
        row = find_row(table, self._pattern, scan, parcellation, Findings("parcel_gmv"))
        outside = parcels.loc[parcels["structure"] != "cortex", "parcel"]
        texts = by_parcel(row, outside)
        volumes = pd.Series(read_numbers(texts, table, scan, parcellation, findings), dtype=float)
        return segment_rows(volumes, parcels, parcellation, scan, findings, table.shown)

    def files(self, subject: str) -> list[Path]:
        """List the tables, all of which hold every subject."""
        stems = ["aseg.volume"] + [
            f"{side}.{annotation}.{kind}"
            for side in SIDES
            for annotation in self._annotations()
            for kind in ("volume", *_OPTIONAL)
        ]
        found = sorted(
            path
            for stem in stems
            for ending in _ENDINGS
            for pattern in (f"{stem}{ending}", f"{stem}.ses-*{ending}")
            for path in self._folder.glob(pattern)
        )
        return usable_files(found, *self._roots)

    def sessions(self, subject: str) -> list[str]:
        """List the sessions for which some table has a row of a subject."""
        found = set()
        for path in self.files(subject):
            of_file = session_of_file(path.name)
            for row_name, _ in self._read(path).rows:
                label, of_row = scan_of_row(row_name, self._pattern)
                if label == subject and (of_row or of_file):
                    found.add(str(of_row or of_file))
        return sorted(found)

    def _scan(self, subject: str, session: str) -> Scan:
        fix = f"Write the table again, then `ect run --subject {subject}`."
        return Scan(subject, session, self.name, fix)

    def _table(self, stem: str, session: str) -> TableFile | None:
        """Find the table of one session, or the one of all sessions."""
        for part in (f".ses-{session}", ""):
            paths = [self._folder / f"{stem}{part}{ending}" for ending in _ENDINGS]
            there = [path for path in paths if path.is_file()]
            if len(there) > 1:
                raise StudyError(
                    f"{shown_path(self._study, self._folder)} holds the same table twice: "
                    f"{', '.join(path.name for path in there)}. Delete the wrong one."
                )
            if there:
                return self._read(there[0])
        return None

    def _read(self, path: Path) -> TableFile:
        return read_table(path, shown_path(self._study, path), *self._roots)

    def _required(self, stem: str, session: str) -> TableFile:
        table = self._table(stem, session)
        if table is None:
            program = "asegstats2table" if stem.startswith(ASEG) else "aparcstats2table"
            raise StudyError(
                f"{shown_path(self._study, self._folder)} has neither {stem}.ses-{session}.tsv "
                f"nor {stem}.tsv. Write it with {program}, or fix `folder` in "
                "[morphometry] or `freesurfer` in [parcellations] of study.toml."
            )
        return table

    def _whole_brain_tables(self, session: str) -> list[TableFile]:
        """List the aseg table, if there is one, then the tables of volumes, which repeat eTIV."""
        names = self._annotations()
        stems = [f"{side}.{annotation}.volume" for annotation in names for side in SIDES]
        tables = [self._table(stem, session) for stem in ("aseg.volume", *stems)]
        there = [table for table in tables if table is not None]
        return there or [self._required((*stems, "aseg.volume")[0], session)]

    def _annotations(self) -> list[str]:
        """Name the parcellations of the cortex as FreeSurfer does."""
        return [
            freesurfer_name(self._study, name)
            for name in self._study.parcellations
            if not is_segmentation(self._study, name)
        ]

    def _whole_brain(self, table: TableFile, scan: Scan, findings: Findings) -> dict[str, float]:
        """Read the whole-brain measures of a scan, the intracranial volume under any name."""
        row = with_etiv(find_row(table, self._pattern, scan, EVERY, findings))
        of_any_case = {name.casefold(): text for name, text in row.items()}
        texts = {
            name: of_any_case[name.casefold()]
            for name in _WHOLE_BRAIN
            if name.casefold() in of_any_case
        }
        return read_numbers(texts, table, scan, EVERY, findings)

    def _etiv(self, table: TableFile | None, scan: Scan) -> dict[str, float]:
        """Give the intracranial volume by table, where its row of the scan has a number."""
        if table is None:
            return {}
        measures = self._whole_brain(table, scan, Findings("parcel_gmv"))
        return {table.shown: measures["eTIV"]} if measures.get("eTIV", 0) > 0 else {}

    def _measure(
        self,
        table: TableFile | None,
        side: str,
        kind: str,
        scan: Scan,
        parcellation: str,
        findings: Findings,
    ) -> dict[str, float]:
        """Read one measure of one scan, by structure; empty where there is none."""
        if table is None:
            return {}
        row = find_row(table, self._pattern, scan, parcellation, findings)
        before, after = f"{side}_", f"_{kind}"
        texts = {
            column[len(before) : -len(after)]: text
            for column, text in row.items()
            if column.casefold().startswith(before) and column.casefold().endswith(after)
        }
        texts = {name: text for name, text in texts.items() if name not in _NO_PARCELS}
        if row and not texts:
            raise StudyError(
                f"{table.shown} has no column {before}<parcel>{after}; its first columns: "
                f"{', '.join(table.columns[:5])}. Write the table again with aparcstats2table."
            )
        is_required = kind == "volume"
        return read_numbers(texts, table, scan, parcellation, findings, is_required)
