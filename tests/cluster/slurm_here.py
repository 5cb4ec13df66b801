"""A SLURM of one machine on loopback, without systemd, cgroups and accounting; all of it lies in one folder.

Two files stand for GPUs: SLURM counts them, queues for them and sets CUDA_VISIBLE_DEVICES. Memory is watched by SLURM's
own poll of processes. Root alone can start it. While it runs, /etc/slurm/slurm.conf is a link to its configuration, for
Snakemake's plugin gives srun no SLURM_CONF.
"""

import os
import platform
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=1000
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
SwitchType=switch/none
GresTypes=gpu
ReturnToService=2
MinJobAge=86400
InactiveLimit=0
KillWait=5
Waittime=0
MessageTimeout=30
SlurmctldTimeout=60
SlurmdTimeout=300
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=1-00:00:00 DefaultTime=01:00:00 State=UP OverSubscribe=NO
"""


LINK = Path("/etc/slurm/slurm.conf")


class Slurm:
    """SLURM's daemons; `start` and `stop` them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.host = folder, platform.node().split(".")[0]
        self.conf = folder / "slurm.conf"
        for name in ("state", "spool"):
            (folder / name).mkdir()
        memory = psutil.virtual_memory().total // 2**20 - 1024
        self.conf.write_text(CONF.format(folder=folder, host=self.host, memory=memory, ports=_free_ports(2)))
        (folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")

    def start(self) -> None:
        """Start munge and both daemons, and wait until the node is ready."""
        assert LINK.is_symlink() or not LINK.exists(), f"{LINK} is there: this machine has a SLURM of its own"
        LINK.unlink(missing_ok=True)
        LINK.symlink_to(self.conf)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={self.folder}/munge.{end}" for option, end in files.items()]
        subprocess.run(["munged", "--force", *options], check=True)
        self.start_controller()
        subprocess.run(["slurmd", "-f", self.conf, "-N", self.host], check=True)
        wait_for(lambda: self.ask("sinfo", "--noheader", "--format=%T").strip() == "idle", "the node is not ready")

    def start_controller(self) -> None:
        subprocess.run(["slurmctld", "-f", self.conf], check=True)

    def kill_controller(self) -> None:
        process = psutil.Process(int((self.folder / "slurmctld.pid").read_text()))
        process.send_signal(signal.SIGKILL)
        process.wait(30)

    def stop(self) -> None:
        for name in ("slurmd", "slurmctld", "munge"):
            file = self.folder / f"{name}.pid"
            if file.is_file() and psutil.pid_exists(number := int(file.read_text())):
                os.kill(number, signal.SIGTERM)
        LINK.unlink(missing_ok=True)

    def ask(self, *command: str) -> str:
        """What one of SLURM's commands prints; what it says of an error where it fails."""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """`scontrol show job`, one table of keys and values a job, in the order of submission."""
        lines = [line for line in self.ask("scontrol", "show", "job", "--oneliner").splitlines() if "JobId=" in line]
        items = [re.split(r" (?=[A-Z][\w/:]*=)", line.strip()) for line in lines]  # a path may have spaces
        return [dict(item.partition("=")[::2] for item in of_job) for of_job in items]


def wait_for(condition, complaint: str, seconds: float = 240):
    """The first value of `condition()` that is not false."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, complaint
        time.sleep(0.1)
    return value


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
