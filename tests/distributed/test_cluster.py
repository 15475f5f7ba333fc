"""The script for a Slurm cluster, with Slurm's own commands played by a few lines of shell."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.distributed.run import config_from_args, parse_args

from dlcv.training.checkpoint import load_checkpoint

SCRIPT = Path(__file__).parents[2] / "book" / "_static" / "train.sbatch"
LONGEST_S = 300
PROGRAM = """
import os, runpy, signal, sys
from pathlib import Path
from dlcv.training.run import Run

step, done = Run.train_step, Path(sys.argv[1] + ".killed")

def train_step(run, batch):
    if run.step == 7 and run.team.rank == 1 and not done.exists():
        done.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return step(run, batch)

Run.train_step = train_step
runpy.run_module("dlcv.distributed.torchrun_fit", run_name="__main__")
"""


def free_job_id():
    """Return the number of a job whose port, 20000 + id, nobody uses."""
    for job in range(4242, 9999):
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", 20000 + job)):
                return str(job)
    raise AssertionError("expected a free port")


@pytest.fixture
def cluster(tmp_path):
    """One node with two processors for two GPUs; what scontrol was told stands in a file."""
    told = tmp_path / "told.txt"
    commands = {
        "srun": 'exec "$@"',
        "scontrol": f'echo "$*" >> {told}; [ "$1" != show ] || printf "localhost\\nother\\n"',
    }
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    here = Path(sys.executable).parent
    slurm = {"JOB_ID": free_job_id(), "JOB_NODELIST": "n[1-2]", "JOB_NUM_NODES": "1"}
    return {
        **os.environ,
        **{f"SLURM_{name}": value for name, value in (slurm | {"GPUS_ON_NODE": "2"}).items()},
        "PATH": f"{folder}:{here}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }


def play_torchrun(cluster, body):
    """Put a few lines of shell in torchrun's place."""
    path = Path(cluster["PATH"].split(":")[0], "torchrun")
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run_all_of_it(command, environment):
    """Run a command; when the time is over, end it with all that it started."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as job:
        try:
            out, errors = job.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            raise
    return job.returncode, out, errors


def test_torchrun_understands_the_line(cluster, tmp_path):
    cluster |= {"SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_ID": "123456", "SLURM_GPUS_ON_NODE": "4"}
    play_torchrun(cluster, f'printf "%s\\n" "$@" > {tmp_path}/arguments')
    command = ["bash", SCRIPT, "-m", "some.program", "a file.pt", "--epochs=3"]
    subprocess.run(command, env=cluster, check=True)
    arguments = parse_args((tmp_path / "arguments").read_text().splitlines())
    config, command, rest = config_from_args(arguments)
    assert (config.min_nodes, config.max_nodes, config.nproc_per_node) == (2, 2, 4)
    assert (config.rdzv_backend, config.run_id) == ("c10d", "123456")
    assert config.rdzv_endpoint == "localhost:23456"
    assert config.max_restarts == 3
    assert rest[-4:] == ["-m", "some.program", "a file.pt", "--epochs=3"]


def test_before_its_time_is_over_the_job_asks_to_be_queued_again(cluster, tmp_path):
    play_torchrun(cluster, f"touch {tmp_path}/started; exec sleep 60")
    with subprocess.Popen(["bash", SCRIPT], env=cluster, start_new_session=True) as job:
        deadline = time.monotonic() + LONGEST_S
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        job.send_signal(signal.SIGUSR1)  # to the script alone, as --signal=B:USR1 does
        job.wait(LONGEST_S)
        os.killpg(job.pid, signal.SIGKILL)  # the sleeper; Slurm ends what is left itself
    told = (tmp_path / "told.txt").read_text().splitlines()
    assert told == ["show hostnames n[1-2]", f"requeue {cluster['SLURM_JOB_ID']}"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing():
    subprocess.run(["shellcheck", SCRIPT], check=True)


def test_one_of_two_processes_is_killed_and_the_training_ends_like_that_of_one(cluster, tmp_path):
    """torchrun starts them again by itself, and they go on from the checkpoint."""
    (tmp_path / "program.py").write_text(PROGRAM)
    path, options = tmp_path / "run.pt", ["--epochs=1", "--save-every=3"]
    command = ["bash", SCRIPT, tmp_path / "program.py", path, *options]
    cluster["CUDA_VISIBLE_DEVICES"] = ""
    code, out, errors = run_all_of_it(command, cluster)
    assert code == 0, errors
    assert (tmp_path / "run.pt.killed").exists()
    reports = out.splitlines()  # of the first process alone
    assert reports[0] == "6 steps"
    assert [line[:21] for line in reports[1:]] == ["17 steps {'epoch': 1,"]
    alone = [sys.executable, "-m", "dlcv.distributed.torchrun_fit", tmp_path / "alone.pt"]
    subprocess.run([*alone, *options], check=True, env=cluster, stdout=subprocess.DEVNULL)
    files = path, tmp_path / "alone.pt"
    together, losses = (torch.tensor(load_checkpoint(file)["losses"]) for file in files)
    assert len(losses) == 17
    torch.testing.assert_close(together, losses, rtol=1e-4, atol=1e-6)
