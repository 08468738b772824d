"""Names, dates, numbers and places in thirty places of a study: none of them comes anywhere.

Each word is planted in a place of its own, in files that a run reads. Afterwards every byte of
lake, catalogue, records, logs, report, export and terminal is searched for it.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import nibabel
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ect_assets.cli import app
from ect_assets.lake.catalogue import connect
from ect_assets.orchestration.instance import open_instance
from ect_assets.problems import EctError
from ect_assets.study import Study, load_study
from ect_assets.tables import TABLES
from ect_assets_tests.conftest import without_genes

PATIENTS = [f"{number:03}" for number in range(1, 8)]


class Plants:
    """Plants words in the files of a study, and remembers them."""

    def __init__(self, folder: Path):
        self.bids, self.words = folder / "bids", []

    def word(self, text: str) -> str:
        """Remember a word; it is searched for by its last part, which stands nowhere else."""
        self.words.append(text)
        return text

    def sidecar(self, subject: str, **fields: object) -> None:
        file = next(self.bids.glob(f"sub-{subject}/ses-pre/anat/*.json"))
        file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))

    def image(self, subject: str, change: Callable[[nibabel.Nifti1Image], None]) -> Path:
        file = next(self.bids.glob(f"sub-{subject}/ses-pre/anat/*.nii.gz"))
        image = nibabel.load(file, mmap=False)
        image = nibabel.Nifti1Image(image.get_fdata().astype("float32"), image.affine, image.header)
        change(image)
        nibabel.save(image, file)
        return file

    def column(self, name: str, value: str, subject: str | None = None) -> None:
        """Add a column to participants.tsv, with a value for one patient."""
        table = self.bids / "participants.tsv"
        lines = [line.split("\t") for line in table.read_text().splitlines()]
        for number, cells in enumerate(lines):
            is_theirs = cells[0] == f"sub-{subject}"
            cells.append(name if number == 0 else value if is_theirs else "n/a")
        table.write_text("".join("\t".join(cells) + "\n" for cells in lines))


def plant(folder: Path) -> list[str]:
    """Plant thirty words; patients 001 to 005 are blocked by them, the others go on."""
    plants = Plants(folder)
    word = plants.word
    plants.sidecar(
        "001",
        PatientName=word("Qvistgaard^Ottilie"),
        InstitutionName=word("Krankenhaus Zwiefalten"),
        SeriesDescription=f"t1_mprage {word('Hallgrimsdottir Runa')}",
        ProtocolName=word("MRN90817263"),
        AcquisitionDateTime=word("2021-07-13T08:17:23"),
        BirthYear=word("1949.7731"),
        Manufacturer=word("Brzeczyszczykiewicz Gregor"),
        ManufacturersModelName=f"Prisma {word('Dr. Kwasniewska')}",
        VendorRemark={word("Papadimitriou"): word("12 Nightingale Road")},
    )
    plants.sidecar("002", PatientAge=word("097Y"), VendorNumber=int(word("7788990011")))
    latin = next(plants.bids.glob("sub-002/ses-post/anat/*.json"))
    latin.write_bytes(
        json.dumps({"OperatorsName": word("Jörgensen-Mårtensson")}, ensure_ascii=False).encode(
            "latin-1"
        )
    )
    broken = next(plants.bids.glob("sub-003/ses-post/anat/*.json"))
    broken.write_text(f'{{"PatientName": "{word("Vandersloot")}", ')
    twice = next(plants.bids.glob("sub-003/ses-pre/anat/*.json"))
    twice.write_text(f'{{"Rows": 1, "Rows": "{word("Ekwueme")}"}}')

    def header(image: nibabel.Nifti1Image) -> None:
        image.header["descrip"] = word("scan of 03.05.1961").encode()
        image.header["aux_file"] = word("Maximowitsch Olj").encode()
        image.header["db_name"] = word("Thorvaldsen Bo").encode()
        image.header["intent_name"] = word("Lindqvist Aa").encode()
        text = word("Ostrovskaya^Vera").encode()
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, text))

    plants.image("004", header)
    behind = plants.image("005", lambda image: None)
    content = gzip.decompress(behind.read_bytes()) + word("Castellanos").encode()
    with gzip.GzipFile(word("Fitzwilliam_Jane.nii"), "wb", fileobj=behind.open("wb")) as stream:
        stream.write(content)
    (plants.bids / "sub-005" / f"{word('Rasmussen_Karl')}_notes.txt").write_text("x")
    volumes = plants.bids / "derivatives/freesurfer/sub-005_ses-pre"
    (volumes / "mri").mkdir()
    (volumes / "mri" / "t.xfm").write_text(f"% {word('Delacroix^Marie')}\n")
    stats = volumes / "stats/aseg.stats"
    stats.write_text(
        f"# user {word('ywhitcombe')}\n# hostname {word('kestrelhost')}\n" + stats.read_text()
    )
    plants.column("notes", word("lives with Anneliese in Bietigheim"), "006")
    plants.column("comment", word("Zuckermandel"), "006")
    plants.column("diagnosis", word("MDD since the death of Friedlinde"), "006")
    plants.column("ward", word("Schussenried"), "007")
    plants.column("case", word("55443322"), "007")
    plants.column("age_at_onset", word("93.4417"), "007")
    return plants.words


def parts(words: list[str]) -> set[str]:
    """Take from each word the parts that are searched for, none of them shorter than five signs."""
    found = {part for word in words for part in re.findall(r"[\w.]{5,}", word)}
    return found - {"scan.", "Anneliese", "lives", "since", "death", "notes", "Krankenhaus"}


def places(study: Study) -> dict[str, str]:
    """Read everything that a run leaves, as text, compressed or not."""
    texts = {}
    inside = [study.dagster_home, study.cache_folder, Path(study.lake_folder)]
    files = [path for top in inside for path in top.rglob("*") if path.is_file()]
    files += list(study.folder.glob("*.log"))
    for file in files:
        texts[str(file)] = file.read_bytes().decode("latin-1")
        if file.suffix == ".parquet":
            texts[f"{file} rows"] = str(pq.read_table(file).to_pylist())
        if file.suffix == ".db":
            texts[f"{file} rows"] = rows(file)
    with connect(study.open_lake()) as connection:
        for name in TABLES:
            try:
                texts[f"view {name}"] = str(connection.sql(f'FROM "{name}"').fetchall())
            except duckdb.Error:
                continue
    return texts


def rows(file: Path) -> str:
    """Write out all rows of an SQLite file, with what is compressed in them."""
    texts = []
    with closing(sqlite3.connect(file)) as records:
        names = records.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            for row in records.execute(f'SELECT * FROM "{name}"'):
                texts += [str(cell) for cell in row]
    packed = [text for text in texts if re.fullmatch(r"[0-9A-Za-z+/=]{40,}", text)]
    for text in packed:
        try:
            texts.append(zlib.decompress(base64.b64decode(text[1:])).decode("latin-1"))
        except (ValueError, zlib.error):
            continue
    return "\n".join(texts)


@pytest.mark.slow
def test_no_plant_comes_into_lake_records_report_export_or_terminal(simulated_input, tmp_path):
    folder = without_genes(simulated_input, tmp_path / "study")
    words = plant(folder)
    assert len(words) >= 30
    said = run(folder, "run", "--study", str(folder))
    assert "Traceback" not in said
    for command in ("status", "report"):
        said += run(folder, command, "--study", str(folder))
    said += run(folder, "validate", str(folder / "bids"))
    said += run(folder, "sql", "FROM exclusions", "--format", "csv", "--study", str(folder))
    said += run(folder, "sql", "FROM participants", "--format", "csv", "--study", str(folder))
    export = tmp_path / "export"
    said += run(folder, "export", str(export), "--with-patients", "--study", str(folder))
    study = load_study(folder)
    texts = places(study) | {"terminal": said}
    for file in export.rglob("*"):
        if file.is_file():
            texts[str(file)] = file.read_bytes().decode("latin-1")
    searched = parts(words)
    assert len(searched) >= 30
    found = [(name, part) for name, text in texts.items() for part in searched if part in text]
    numbers = [struct.pack("<d", float(one)).decode("latin-1") for one in ("93.4417", "97")]
    found += [(name, "number") for name, text in texts.items() if numbers[0] in text]
    assert found == []
    in_lake = {one["subject"] for one in study.open_lake().partitions(TABLES["raw_scans"])}
    assert in_lake == {"006", "007"} and "identifying_content" in said


def run(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    error = result.exception
    if error is not None and not isinstance(error, (SystemExit, EctError)):
        raise error
    return f"{result.output}\n{error or ''}"


@pytest.mark.parametrize("count", [30])
def test_the_plants_are_thirty(simulated_input, tmp_path, count):
    folder = Path(shutil.copytree(simulated_input, tmp_path / "study"))
    assert len(plant(folder)) >= count
    with open_instance(load_study(folder)) as instance:
        assert instance.get_runs() == []
