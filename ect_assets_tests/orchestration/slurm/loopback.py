"""A real Slurm of one node on this machine's loopback, in a temporary folder.

Debian's slurm-wlm and munge, with a key, a configuration and ports of their own; nothing of the
system's is read or written. Without cgroups and without accounting, so that it also runs in a
container.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path

from ect_assets_tests.waiting import has_ended, run, stop, wait_until

INSTALL = Path(__file__).with_name("install_slurm.sh")
PATH = os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin"))
CONFIGURATION = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SlurmdParameters=config_overrides
MailProg=/bin/true
ReturnToService=2
KillWait=30
MinJobAge=864000
MessageTimeout=20
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=2-00:00:00 State=UP PriorityTier=1 GraceTime=0
PartitionName=urgent Nodes=ALL MaxTime=1:00:00 State=UP PriorityTier=9
"""


class LoopbackSlurm:
    """Slurm's daemons, started and stopped.

    Parameters
    ----------
    folder : Path
        Short enough for a socket's name.
    cpus : int
        As many as Slurm is to believe in.
    """

    def __init__(self, folder: Path, cpus: int = 8):
        self.folder = folder
        self.configuration = folder / "slurm.conf"
        self._processes: dict[str, subprocess.Popen] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        controller_port, node_port = _free_ports(2)
        self.configuration.write_text(
            CONFIGURATION.format(
                host=socket.gethostname().partition(".")[0],
                user=getpass.getuser(),
                folder=folder,
                controller_port=controller_port,
                node_port=node_port,
                cpus=cpus,
            )
        )
        self.environment = {"SLURM_CONF": str(self.configuration), "PATH": PATH}

    def start(self) -> None:
        """Start munge, the controller and the node, and wait until the node takes jobs."""
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        self.folder.chmod(0o755)
        munge = ["munged", "--foreground", "--force", f"--key-file={key}"]
        munge += [f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munge.pid"]
        munge += [f"--log-file={self.folder}/munge.log", f"--seed-file={self.folder}/munge.seed"]
        self._start("munged", munge)
        self.until((self.folder / "munge.socket").exists, "the socket of munged")
        self.start_controller()
        self._start("slurmd", ["slurmd", "-D", "-f", str(self.configuration)])
        self.until(self._takes_jobs, "a node that takes jobs")

    def start_controller(self) -> None:
        """Start the controller, which remembers its jobs."""
        self._start("slurmctld", ["slurmctld", "-D", "-f", str(self.configuration)])

    def stop_controller(self) -> None:
        """Let Slurm be away: jobs go on, and nobody answers."""
        self._stop("slurmctld")

    def stop(self) -> None:
        """Cancel what is left and end the daemons."""
        if "slurmctld" in self._processes:
            self.call("scancel", f"--user={getpass.getuser()}", "--quiet")
            self.until(lambda: not self._has_jobs(), "the end of all jobs")
        for name in ("slurmd", "slurmctld", "munged"):
            self._stop(name)

    def call(self, *command: str) -> str:
        """Run one of Slurm's programs; return what it printed, empty where it failed."""
        done = run([*command], env=os.environ | self.environment)
        return done.stdout if done.returncode == 0 else ""

    def signs(self) -> tuple[Path, ...]:
        """Return what shows that it does something: what it logs."""
        return tuple(self.folder / f"{name}.log" for name in ("slurmctld", "slurmd", "munge"))

    def until(self, holds, what: str) -> None:
        """Wait for something, for as long as Slurm does something."""
        why_not = has_ended(*self._processes.values(), log=self.folder / "slurmctld.log")
        wait_until(holds, what, *self.signs(), unless=why_not, pause=0.2)

    def _has_jobs(self) -> bool:
        return bool(self.call("squeue", "--noheader", "--format=%i").strip())

    def _takes_jobs(self) -> bool:
        return self.call("sinfo", "--noheader", "--format=%T").strip().startswith("idle")

    def _start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                command,
                env=os.environ | self.environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _stop(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        stop(process)


def why_no_slurm() -> str | None:
    """Install Slurm where that is possible; say why it is not."""
    done = subprocess.run(["sh", str(INSTALL)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[-1]
    missing = [one for one in ("munged", "slurmctld", "slurmd") if not shutil.which(one, path=PATH)]
    return f"{missing[0]} is not on the path" if missing else None


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
