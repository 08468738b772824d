#!/usr/bin/env bash
# Restore what backup.sh has written, into a folder that is new.
#
#   deploy/restore.sh BACKUP STUDY_FOLDER
#
# The tables go where study.toml says, seen from the new folder. With records on PostgreSQL the
# database that PGDATABASE names must not have the study's schema yet. Put the BIDS folder back to
# its place relative to the study, and ask `ect status`.
set -euo pipefail
umask 077

if [ $# -ne 2 ]; then
    echo "Say what and where: $0 BACKUP STUDY_FOLDER" >&2
    exit 2
fi
backup=$(cd "$1" && pwd -P)
python=${ECT_PYTHON:-$(cd "$(dirname "$0")/.." && pwd -P)/.venv/bin/python}

refuse_filled() {
    if [ -d "$1" ] && [ -n "$(ls -A "$1")" ]; then
        echo "$1 is not empty. Nothing is written over: move it away, or say another folder." >&2
        exit 1
    fi
}

(cd "$backup" && sha256sum --quiet --check SHA256SUMS)
refuse_filled "$2"
mkdir -p "$2"
study=$(cd "$2" && pwd -P)
tar --extract --file="$backup/study.tar" --directory="$study"

lake=$("$python" - "$study" <<'PYTHON'
import sys

from ect_assets.study import load_study

print(load_study(sys.argv[1]).lake_folder)
PYTHON
)
# Tables in an object store are not in a backup.
if [ -f "$backup/lake.tar" ]; then
    refuse_filled "$lake"
    mkdir -p "$lake"
    tar --extract --file="$backup/lake.tar" --directory="$lake"
fi

if [ -f "$backup/records/postgres.dump" ]; then
    pg_restore --no-owner --file=- "$backup/records/postgres.dump" |
        psql --quiet --no-psqlrc --single-transaction --set=ON_ERROR_STOP=1 --output=/dev/null
else
    mkdir -p "$study/.dagster"
    cp -R "$backup/records/." "$study/.dagster/"
fi
echo "$study, tables in $lake. Next: ect status --study $study"
