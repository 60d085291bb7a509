"""A real Slurm on this machine: controller, accounting with its database, two nodes."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

HERE = Path(__file__).parent
ETC = Path("/etc/slurm")  # jobs start with a clean environment: they look nowhere else
STATE = Path("/run/dashsearch-slurm")
MARK = "# dashsearch test cluster"
NODES = ("n1", "n2")
DAEMONS = ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged")


def run(*command: str, stdin: str | None = None, timeout_s: float = 60) -> str:
    """Run a command and return what it prints; its error output is in the exception's text."""
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"the test cluster: {command[0]} did not end well: {error}") from error
    if done.returncode:
        raise ClusterError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout}")
    return done.stdout


def wait_for(promise: str, check: Callable[[], bool], timeout_s: float = 30) -> None:
    """Wait until a check holds; a sentence if it never does."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.2)
    raise ClusterError(f"the test cluster: {promise} has not come true in {timeout_s:g} s")


def succeeds(*command: str) -> bool:
    """Say whether a command ends well."""
    with suppress(subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0
    return False


class ClusterError(Exception):
    """The test cluster is not what the tests need; one sentence."""


def install() -> None:
    """Install the packages, where they are missing."""
    if os.geteuid() != 0:
        raise ClusterError("the cluster tests start daemons and write /etc/slurm: run them as root")
    config = ETC / "slurm.conf"
    if config.exists() and not config.read_text().startswith(MARK):
        raise ClusterError(f"{config} belongs to another cluster; run the tests on another machine")
    run(str(HERE / "install.sh"), timeout_s=600)


def start() -> None:
    """Start everything; what has started does not outlive a failure."""
    stop()
    try:
        start_all()
    except BaseException:
        stop()
        raise


def start_all() -> None:
    """Start everything, in the order in which one needs the other."""
    STATE.mkdir(mode=0o755)
    for name in ("ctld", *(f"spool-{node}" for node in NODES)):
        (STATE / name).mkdir()
    write_configs()
    start_munge()
    start_database()
    run("slurmdbd")
    wait_for("slurmdbd answers", lambda: succeeds("sacctmgr", "-n", "list", "cluster"))
    run("sacctmgr", "-i", "add", "cluster", "test")
    run("sacctmgr", "-i", "add", "account", "main", "cluster=test")
    run("sacctmgr", "-i", "add", "user", "root", "account=main")
    run("slurmctld", "-i", "-c")
    for node in NODES:
        start_node(node)
    wait_for("both nodes are idle", lambda: run("sinfo", "-hN", "-o%T").split() == ["idle"] * 4)


def write_configs() -> None:
    """Write the configuration to where jobs look for it."""
    ETC.mkdir(exist_ok=True)
    for source in (HERE / "etc").iterdir():
        target = ETC / source.name
        target.write_text(source.read_text().replace("{state}", str(STATE)))
        target.chmod(0o600 if source.name == "slurmdbd.conf" else 0o644)


def start_munge() -> None:
    """Start munged with a key and a socket of its own."""
    folder = STATE / "munge"
    folder.mkdir(mode=0o755)
    key = folder / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    files = [f"--{name}-file={folder / name}" for name in ("key", "pid", "log", "seed")]
    # It runs as root here, which it only does when forced.
    run("munged", "--force", f"--socket={folder / 'socket'}", *files)


def start_database() -> None:
    """Start a database of its own, beside whatever the system runs."""
    data = STATE / "database"
    run(
        "mariadb-install-db",
        "--no-defaults",
        "--user=mysql",
        f"--datadir={data}",
        "--skip-test-db",
        "--auth-root-authentication-method=normal",
    )
    settings = {
        "user": "mysql",
        "datadir": data,
        "socket": data / "socket",
        "pid-file": data / "pid",
        "log-error": data / "log",
        "bind-address": "127.0.0.1",
        "port": 16806,
        "innodb-flush-log-at-trx-commit": 0,
    }
    subprocess.Popen(
        ["mariadbd", "--no-defaults", *(f"--{key}={value}" for key, value in settings.items())],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = ("mariadb", "--no-defaults", "--user=root", f"--socket={data / 'socket'}")
    wait_for("the database answers", lambda: succeeds(*client, "-e", "select 1"))
    run(
        *client,
        stdin="create database slurm_acct; create user slurm@'127.0.0.1' identified by 'slurm'; "
        "grant all on slurm_acct.* to slurm@'127.0.0.1';",
    )


def start_node(node: str) -> None:
    """Start a node's daemon."""
    run("slurmd", "-N", node)


def processes_with(variable: str, value: str) -> list[psutil.Process]:
    """The processes of jobs, by a variable that Slurm gives them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(variable) == value:
                found.append(process)
    return found


def freeze(number: str) -> None:
    """Stop a job's processes without an end, as a hanging file system does."""

    def steps() -> list[psutil.Process]:
        return [each for each in processes_with("SLURM_STEP_ID", "0") if each in job()]

    def job() -> list[psutil.Process]:
        return processes_with("SLURM_JOB_ID", number)

    def still() -> bool:
        moving = [each for each in job() if status_of(each) != psutil.STATUS_STOPPED]
        for process in moving:
            with suppress(psutil.Error):
                process.suspend()
        return not moving

    # Before its step has started, a job has processes to come that nobody would stop.
    wait_for(f"a step of job {number} runs", lambda: bool(steps()))
    wait_for(f"job {number} stands still", still)


def status_of(process: psutil.Process) -> str:
    """The state of a process; one that is gone does not move."""
    try:
        return process.status()
    except psutil.Error:
        return psutil.STATUS_STOPPED


def cancel(numbers: list[str]) -> None:
    """Cancel jobs and wait until their processes are gone."""
    run("scancel", *numbers)
    for number in numbers:
        wait_for(f"job {number} is gone", lambda n=number: not processes_with("SLURM_JOB_ID", n))


def kill_node(node: str) -> None:
    """Kill a node's daemon with everything on it, as a power failure does."""
    jobs = processes_with("SLURMD_NODENAME", node)
    steps = {parent for job in jobs for parent in watchers_of(job)}
    kill([psutil.Process(int((STATE / f"slurmd-{node}.pid").read_text())), *steps, *jobs])


def watchers_of(process: psutil.Process) -> list[psutil.Process]:
    """The daemons that watch over a job's step."""
    with suppress(psutil.Error):
        return [each for each in process.parents() if each.name() == "slurmstepd"]
    return []


def stop() -> None:
    """Stop what runs, also what an earlier run has left, and remove its files."""
    pids = [
        int(path.read_text())
        for path in (*STATE.glob("*.pid"), STATE / "munge/pid", STATE / "database/pid")
        if path.exists()
    ]
    daemons = [
        process
        for process in psutil.process_iter()
        if process.name() == "slurmstepd" or (process.pid in pids and process.name() in DAEMONS)
    ]
    jobs = [job for node in NODES for job in processes_with("SLURMD_NODENAME", node)]
    kill([*daemons, *jobs])
    shutil.rmtree(STATE, ignore_errors=True)


def kill(victims: list[psutil.Process]) -> None:
    """Kill processes and wait until they are gone."""
    for process in victims:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(victims, timeout=10)
