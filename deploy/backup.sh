#!/usr/bin/env bash
# Back up a study: its settings, its tables and Dagster's records of runs.
#
#   deploy/backup.sh STUDY_FOLDER DESTINATION
#
# `ect ui` and `ect run` may be at work meanwhile. The records are those of one moment (SQLite's own
# online copy, or pg_dump); the tables are copied after them, each file whole. What was made between
# the two is in the tables, which are what counts. The BIDS folder is not in it, nor are volumes that
# lie in it: they are larger, and do not change. PostgreSQL is reached by the same PG* variables as
# ever. ECT_PYTHON names the Python that ECT Assets is installed in, where it is not ../.venv.
set -euo pipefail
umask 077

if [ $# -ne 2 ]; then
    echo "Say what and where: $0 STUDY_FOLDER DESTINATION" >&2
    exit 2
fi
study=$(cd "$1" && pwd -P)
mkdir -p "$2"
destination=$(cd "$2" && pwd -P)
python=${ECT_PYTHON:-$(cd "$(dirname "$0")/.." && pwd -P)/.venv/bin/python}

# What study.toml says, one line each.
said=$("$python" - "$study" <<'PYTHON'
import sys

from ect_assets import __version__
from ect_assets.lake.location import is_address
from ect_assets.orchestration.run_storage import schema_of
from ect_assets.study import load_study

study = load_study(sys.argv[1])
bids = study.bids_folder.resolve()
lake = study.lake if is_address(study.lake) else study.lake_folder.resolve()
print(study.name, lake, bids, study.storage.dagster, sep="\n")
print(schema_of(study), __version__, sep="\n")
PYTHON
)
{ read -r name; read -r lake; read -r bids; read -r storage; read -r schema; read -r version; } <<<"$said"
case "$destination/" in
    "$study/"* | "$lake/"*)
        echo "$destination lies in what is backed up; say another place." >&2
        exit 2
        ;;
esac

target="$destination/$name-$(date -u +%Y%m%dT%H%M%SZ)"
unfinished="$target.unfinished"
mkdir "$unfinished"
trap 'rm -rf "$unfinished"' EXIT

# tar says 1 where a file was replaced or taken away while it read: what it has is whole.
pack() {
    tar "$@" || [ $? -eq 1 ]
}

mkdir "$unfinished/records"
if [ "$storage" = postgres ]; then
    pg_dump --format=custom --no-owner --no-privileges --schema="$schema" \
        --file="$unfinished/records/postgres.dump"
else
    "$python" - "$study/.dagster" "$unfinished/records" <<'PYTHON'
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

source, target = map(Path, sys.argv[1:])
for file in sorted(source.rglob("*.db")):
    place = target / file.relative_to(source)
    place.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as there, closing(sqlite3.connect(place)) as here:
        there.backup(here)
PYTHON
fi

without=(--exclude='./.cache' --exclude='./.dagster/*.lock' --exclude='./.dagster/server.log'
    --exclude='./.dagster/*.db' --exclude='./.dagster/*.db-*' --exclude='*.writing')
for inside in "$bids" "$lake"; do
    case "$inside" in "$study"/*) without+=(--exclude="./${inside#"$study"/}") ;; esac
done
pack --create --file="$unfinished/study.tar" --directory="$study" "${without[@]}" .
without_lake=
case "$lake" in
    *://*) without_lake=", nor the tables at $lake, which the store keeps versions of" ;;
    *)
        mkdir -p "$lake"
        pack --create --file="$unfinished/lake.tar" --directory="$lake" \
            --exclude='*.writing' --exclude=./_compacted .
        ;;
esac

printf 'study %s\nECT Assets %s\nstorage %s\nschema %s\n' \
    "$name" "$version" "$storage" "$schema" >"$unfinished/CONTENTS"
sums=$(cd "$unfinished" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
echo "$sums" >"$unfinished/SHA256SUMS"
mv "$unfinished" "$target"
trap - EXIT
echo "$target ($(du -sh "$target" | cut -f1)). Not in it: $bids$without_lake"
