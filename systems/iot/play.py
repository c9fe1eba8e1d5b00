"""Plays the story: a broker, the sensors, a run every few seconds, and kill -9 of the broker and of
runs at random moments; then a last run, and the proof.

    play.py FOLDER --seconds 60 --kills 10      (run.sh sets up what it needs)
"""
import argparse
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
WEIR = os.environ.get("WEIR_BIN", "weir")
RUN_TRIES_MAX = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """`weir serve`, started again when it is gone, as a service manager would."""

    def __init__(self, project):
        self.project = project
        self.address = f"127.0.0.1:{free_port()}"
        self.log = open(project / "serve.log", "ab")
        self.wanted = True
        self.kills = 0
        self.process = self.start()
        self.keeper = threading.Thread(target=self.keep, daemon=True)
        self.keeper.start()

    def start(self):
        return subprocess.Popen([WEIR, "serve", "--listen", self.address, "--http", "0"],
                                cwd=self.project, stdout=self.log, stderr=self.log)

    def keep(self):
        while self.wanted:
            self.process.wait()
            if self.wanted:
                time.sleep(0.2)
                self.process = self.start()

    def kill(self):
        self.kills += 1
        self.process.kill()

    def stop(self):
        self.wanted = False
        self.process.terminate()
        self.keeper.join(30)


def weir_run(project, kill_after=None):
    """Exit code and output of a run; None and nothing if it was killed before it ended."""
    process = subprocess.Popen([WEIR, "run", "."], cwd=project, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, ""
    return process.returncode, said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--every", type=float, default=2, help="seconds between runs")
    parser.add_argument("--kills", type=int, default=10, help="of the broker, and as many of runs")
    parser.add_argument("--rate", type=int, default=10_000, help="readings a second")
    parser.add_argument("--sensors", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    rng = random.Random(flags.seed)
    project = flags.folder.resolve()
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir(parents=True)
    shutil.copy(HERE / "iot.sql", project)
    acknowledged = project / "acknowledged.txt"

    broker = Broker(project)
    sensors = subprocess.Popen([
        sys.executable, HERE / "sensors.py", "--broker", broker.address, "--sensors",
        str(flags.sensors), "--seconds", str(flags.seconds), "--rate", str(flags.rate), "--seed",
        str(flags.seed), "--acknowledged", acknowledged])
    try:
        while not acknowledged.exists() and sensors.poll() is None:  # they make the topic first
            time.sleep(0.05)
        moments = sorted(rng.uniform(1, flags.seconds) for _ in range(flags.kills))
        begin = time.time()
        runs, killed_runs, waited = 0, 0, 0

        def killer():
            for moment in moments:
                time.sleep(max(0, begin + moment - time.time()))
                broker.kill()

        threading.Thread(target=killer, daemon=True).start()
        while sensors.poll() is None:
            time.sleep(flags.every)
            kill = killed_runs < flags.kills and rng.random() < 0.5
            code, said = weir_run(project, rng.uniform(0.05, 1.5) if kill else None)
            runs += 1
            killed_runs += code is None
            if code == 3:  # the broker was away: the next run goes on
                waited += 1
            elif code not in (0, None):
                raise SystemExit(f"weir run: exit {code}\n{said}")
        if sensors.returncode != 0:
            raise SystemExit("the sensors failed")
        for _ in range(RUN_TRIES_MAX):
            code, said = weir_run(project)
            if code == 0:
                break
            time.sleep(1)
        else:
            raise SystemExit(f"weir run: exit {code}\n{said}")
        print(said)
        print(f"{runs} runs, {killed_runs} killed, {waited} to be tried again; "
              f"the broker was killed {broker.kills} times", flush=True)
    finally:
        if sensors.poll() is None:
            sensors.kill()
        broker.stop()
    subprocess.run([sys.executable, HERE / "verify.py", project, acknowledged], check=True)
    with open(HERE / "answers.sql") as questions:
        subprocess.run([WEIR, "sql"], cwd=project, stdin=questions, check=True)


if __name__ == "__main__":
    main()
