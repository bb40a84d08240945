"""Measures what watching costs: an idle service on a big tree, and a switch of branches that changes all of it.

    python benchmarks/overhead.py [--files 10000] [--seconds 60] [--quick] [--json FILE]

The project is a generated git repository of that many Python files, every twentieth a test module, with two branches
that differ in every file. Idle work is switched off in its settings and there is no model, so the service watches and
does nothing else.

Counted as Augment's are the driver with the dashboard, all its actors and the warm runner processes. Not counted are
Ray's own daemons. An actor of Ray costs something while it does nothing, so as many empty actors and one empty driver
are started in the same Ray and measured over the same time: "beside Ray" is what is left without them. CPU is the share
of one core from the processes' own times; memory is PSS (a page that n processes share counts 1/n to each), which
cannot be had on systems other than Linux.

A branch switch is timed from the end of ``git checkout`` (and from its beginning) to the one run that it causes, on
record and on the event stream.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from environments import median, user_environ
from watched import Service

MODULES_A_PACKAGE = 100
TEST_EVERY = 20

MODULE = '''"""Generated."""


def scale_{number}(value, factor={factor}):
    """Scale a value."""
    if value < 0:
        return -value * factor
    return value * factor


def label_{number}(name):
    return f"{{name}}-{factor}"
'''
TEST = """from {package}.m{other} import label_{other}


def test_label_{number}():
    assert label_{other}("a").startswith("a-")
    assert {factor} > 0
"""
SETTINGS = {"augment_config": 1, "idle": False, "flaky_reruns": False}
EMPTY_DRIVER = """
import sys, time, ray
ray.init(address=sys.argv[1], namespace="overhead-control", log_to_driver=False)
class Empty:
    def pid(self):
        import os
        return os.getpid()
actors = [ray.remote(Empty).options(num_cpus=0).remote() for _ in range(int(sys.argv[2]))]
print("pids:", *ray.get([actor.pid.remote() for actor in actors]), flush=True)
time.sleep(100000)
"""


def write_tree(root: Path, files: int, factor: int) -> None:
    for number in range(files):
        package = f"p{number // MODULES_A_PACKAGE:03}"
        is_test = number % TEST_EVERY == 1
        path = root / package / (f"test_m{number}.py" if is_test else f"m{number}.py")
        path.parent.mkdir(exist_ok=True)
        template = TEST if is_test else MODULE
        path.write_text(template.format(number=number, factor=factor, package=package, other=number - 1))


def make_project(root: Path, files: int) -> Path:
    project = root / "project"
    project.mkdir()
    (project / ".gitignore").write_text("TASKS.md\nlogs/\n__pycache__/\n")
    git(project, "init", "--quiet", "--initial-branch=one")
    for branch, factor in (("one", 3), ("two", 5)):
        if branch == "two":
            git(project, "checkout", "--quiet", "-b", "two")
        write_tree(project, files, factor)
        git(project, "add", "--all")
        git(project, "-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "--quiet", "-m", branch)
    git(project, "checkout", "--quiet", "one")
    return project


def git(project: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=project, check=True)


def own_processes(service: Service) -> list[psutil.Process]:
    """The driver, the actors and the runner processes; not Ray's daemons."""
    driver = psutil.Process(service.pid)
    actors = [process for process in driver.children(recursive=True) if _command(process).startswith("ray::")]
    ours = [process for process in actors if "Agent" not in _command(process) and "IDLE" not in _command(process)]
    runners = [child for process in ours for child in process.children(recursive=True)]
    return [driver, *ours, *runners]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def cpu_seconds(processes: Sequence[psutil.Process]) -> dict[int, float]:
    found = {}
    for process in processes:
        try:
            spent = process.cpu_times()
        except psutil.Error:
            continue
        found[process.pid] = spent.user + spent.system + spent.children_user + spent.children_system
    return found


def pss_mb(processes: Sequence[psutil.Process]) -> dict[int, float]:
    found = {}
    for process in processes:
        try:
            found[process.pid] = process.memory_full_info().pss / 2**20
        except psutil.Error:
            continue
    return found


def start_control(service: Service, actors: int) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """One empty driver and as many empty actors, in the same Ray."""
    address = json.loads((service.project / ".augment" / "service.json").read_text())["ray_address"]
    command = [sys.executable, "-c", EMPTY_DRIVER, address, str(actors)]
    # As the service itself joins an embedded Ray: bound to loopback, without a token.
    environ = user_environ(RAY_AUTH_MODE="disabled", RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    errors = (service.logs / "control.txt").open("wb")
    driver = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert driver.stdout is not None
    told = next((line for line in driver.stdout if line.startswith("pids:")), "")  # Ray may say something first
    pids = [int(pid) for pid in told.split()[1:]]
    if not pids:
        raise SystemExit(f"the empty actors did not start; see {service.logs / 'control.txt'}")
    return driver, [psutil.Process(pid) for pid in (driver.pid, *pids)]


def idle(service: Service, seconds: float) -> dict[str, Any]:
    ours = own_processes(service)
    actors = [process for process in ours if _command(process).startswith("ray::")]
    driver, control = start_control(service, len(actors))
    try:
        time.sleep(15.0)  # what starting set off
        before = cpu_seconds([*ours, *control])
        began = time.monotonic()
        time.sleep(seconds)
        after = cpu_seconds([*ours, *control])
        elapsed = time.monotonic() - began
        memory = pss_mb([*ours, *control])
    finally:
        driver.kill()
        driver.wait()
    share = {pid: (after[pid] - before[pid]) / elapsed * 100 for pid in before if pid in after}
    empty = {process.pid for process in control}
    rows = {
        f"{_name(process)} ({process.pid})": [round(share.get(process.pid, 0), 2), round(memory.get(process.pid, 0), 1)]
        for process in ours
    }
    total = [sum(table.get(process.pid, 0.0) for process in ours) for table in (share, memory)]
    bare = [sum(table.get(pid, 0.0) for pid in empty) for table in (share, memory)]
    return {
        "cpu_percent": round(total[0], 2),
        "pss_mb": round(total[1], 1),
        "empty_cpu_percent": round(bare[0], 2),
        "empty_pss_mb": round(bare[1], 1),
        "beside_ray_cpu_percent": round(total[0] - bare[0], 2),
        "beside_ray_pss_mb": round(total[1] - bare[1], 1),
        "processes": rows,
    }


def _name(process: psutil.Process) -> str:
    command = _command(process)
    if command.startswith("ray::"):
        return command.split()[0].removeprefix("ray::").partition(".")[0]
    return "runner" if "runner_main" in command else "driver and dashboard" if "launch" in command else "helper"


def switch(service: Service, branch: str, files: int) -> dict[str, Any]:
    """Seconds to the plan of a branch switch, and how many plans it took."""
    before = service.events()
    since, began = time.time(), time.monotonic()
    git(service.project, "checkout", "--quiet", branch)
    ended = time.monotonic()
    seen = service.wait_for(lambda name, data: name == "run" and data["finished_at"] is None, before, 120)
    if seen is None:
        raise SystemExit(f"no run within two minutes of the switch; see {service.logs}")
    service.wait_for(lambda name, data: name == "run" and data["finished_at"] is not None, before, 600)
    time.sleep(5.0)
    runs = [run for run in service.get("runs?limit=20") if run["started_at"] >= since]
    return {
        "files": files,
        "checkout_s": round(ended - began, 2),
        "plan_after_checkout_s": round(seen[0] - ended, 2),
        "plan_after_beginning_s": round(seen[0] - began, 2),
        "plans": len(runs),
        "reason": seen[2]["reason"],
    }


def print_table(result: dict[str, Any]) -> None:
    found = result["idle"]
    print(f"{result['files']} files, idle for {result['seconds']:.0f} s\n")
    print("| | CPU, % of a core | PSS, MB |")
    print("|---|---|---|")
    for name, (share, memory) in found["processes"].items():
        print(f"| {name} | {share:.2f} | {memory:.0f} |")
    print(f"| all of Augment | {found['cpu_percent']:.2f} | {found['pss_mb']:.0f} |")
    print(f"| as many empty processes of Ray | {found['empty_cpu_percent']:.2f} | {found['empty_pss_mb']:.0f} |")
    print(f"| beside Ray | {found['beside_ray_cpu_percent']:.2f} | {found['beside_ray_pss_mb']:.0f} |")
    print("\n| branch switch | checkout s | plan, s after its end | s after its beginning | plans |")
    print("|---|---|---|---|---|")
    for row in result["switches"]:
        print(
            f"| {row['files']} files | {row['checkout_s']:.2f} | {row['plan_after_checkout_s']:.2f} "
            f"| {row['plan_after_beginning_s']:.2f} | {row['plans']} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch the idle service")
    parser.add_argument("--switches", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="1,000 files, 15 seconds, 2 switches")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.quick:
        options.files, options.seconds, options.switches = 1_000, 15.0, 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started here ends with us
    with tempfile.TemporaryDirectory(prefix="augment-overhead-") as folder:
        scratch = Path(folder)
        project = make_project(scratch, options.files)
        settings = scratch / "config"
        settings.mkdir()
        (settings / "test_generator_config.json").write_text(json.dumps(SETTINGS))
        with Service(project, "--no-model", "--config-dir", str(settings)) as service:
            service.first_look(1_200)
            measured = idle(service, options.seconds)
            branches = ("two", "one") * options.switches
            switches = [switch(service, branch, options.files) for branch in branches[: options.switches]]
    result = {"files": options.files, "seconds": options.seconds, "idle": measured, "switches": switches}
    result["plan_after_checkout_s"] = median([row["plan_after_checkout_s"] for row in switches])
    print_table(result)
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
