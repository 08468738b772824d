"""A stand-in for an installed FreeSurfer: a small program that behaves like recon-all."""

from __future__ import annotations

from pathlib import Path

from ect_assets_tests.intake.volumes.conftest import COLUMNS, MEASURES, STRUCTURES, stats_text

PROGRAM = r"""#!/bin/sh
home="$FREESURFER_HOME"
if [ "$1" = "-version" ]; then cat "$home/build-stamp.txt"; exit 0; fi
echo "$@" >> "$home/calls"
name= image= kind=cross
while [ $# -gt 0 ]; do
  case "$1" in
    -sd) shift; folder="$1" ;;
    -s) shift; name="$1" ;;
    -i) shift; image="$1" ;;
    -base) shift; name="$1"; kind=base ;;
    -long) name="$2.long.$3"; shift; shift; kind=long ;;
  esac
  shift
done
[ "$folder" = "$SUBJECTS_DIR" ] || { echo "ERROR: another SUBJECTS_DIR"; exit 1; }
subject="$folder/$name"
mkdir -p "$subject/scripts" "$subject/mri/orig" "$subject/stats"
if [ -n "$image" ]; then
  [ -e "$subject/mri/orig/001.mgz" ] && { echo "ERROR: existing subject with -i"; exit 1; }
  cp "$image" "$subject/mri/orig/001.mgz"
elif [ $kind = cross ] && [ ! -e "$subject/mri/orig/001.mgz" ]; then
  echo "ERROR: no run data found"; exit 1
fi
mark="$subject/scripts/IsRunning.lh+rh"
[ -e "$mark" ] && { echo "ERROR: it appears that recon-all is already running"; exit 1; }
printf 'SUBJECT %s\nUSER nobody\nHOST %s\nPROCESSID %s\n' "$name" "$(uname -n)" $$ > "$mark"
rm -f "$subject/scripts/recon-all.done"
echo "INFO: $subject/mri on $(uname -n)"
case "$(cat "$home/behaviour" 2>/dev/null)" in
  "fails $name"|fails)
    for line in $(seq 30); do echo "line $line"; done
    echo "ERROR: mri_watershed in $subject/mri went wrong"
    rm -f "$mark"; touch "$subject/scripts/recon-all.error"; exit 1 ;;
  hangs) sleep 86400 & echo $! > "$home/child"; echo hanging; wait ;;
  "hangs with a deaf child")
    (trap '' TERM; exec sleep 86400 > /dev/null 2>&1) & echo $! > "$home/child"
    echo hanging; wait ;;
  "leaves nothing") rm -f "$mark"; exit 0 ;;
esac
cp "$home"/stats/* "$subject/stats/"
cp "$home/build-stamp.txt" "$subject/scripts/"
touch "$subject/scripts/recon-all.done"
rm -f "$mark"
"""


class FreeSurferDouble:
    """Its home, what it is told to do, and what it was asked."""

    def __init__(self, home: Path):
        self.home = home
        (home / "bin").mkdir(parents=True)
        (home / "stats").mkdir()
        program = home / "bin" / "recon-all"
        program.write_text(PROGRAM)
        program.chmod(0o755)
        (home / "license.txt").write_text("somebody@example.org\n12345\n *key\n")
        self.is_version("7.4.1")
        rows = [[name, 100, 200, 1000, 2.5, 0.5] for name in STRUCTURES]
        for side in ("lh", "rh"):
            (home / f"stats/{side}.aparc.stats").write_text(stats_text(rows, COLUMNS, {}))
        aseg = stats_text([["1", "Left-Caudate"]], ["Index", "StructName"], MEASURES)
        (home / "stats/aseg.stats").write_text(aseg)

    def is_version(self, number: str) -> None:
        """Give it another version."""
        stamp = f"freesurfer-linux-centos7_x86_64-{number}-20230614-7eb8460\n"
        (self.home / "build-stamp.txt").write_text(stamp)

    def behaves(self, how: str) -> None:
        """Say what happens next: fine, fails, hangs (with a deaf child), leaves nothing."""
        (self.home / "behaviour").write_text(how)

    @property
    def calls(self) -> list[str]:
        """What it was asked to run, without the folder."""
        path = self.home / "calls"
        lines = path.read_text().splitlines() if path.is_file() else []
        return [line.split(" ", 2)[2] for line in lines]

    @property
    def child(self) -> int:
        """The process that it started last."""
        return int((self.home / "child").read_text())
