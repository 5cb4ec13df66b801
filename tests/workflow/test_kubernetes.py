"""The Kubernetes profile against a stand-in for kubectl that runs a Job's container on this machine, as it is written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from arithmetic import MADE
from calls import PROJECT, environment

KUBECTL = """#!{python}
import json, subprocess, sys

command, *arguments = sys.argv[1:]
if command == "create":
    job = json.load(sys.stdin)
    json.dump(job, open("job.json", "w"))
    [container] = job["spec"]["template"]["spec"]["containers"]
    env = {{**__import__("os").environ, **{{each["name"]: each["value"] for each in container["env"]}}}}
    code = subprocess.run(container["command"], cwd=container["workingDir"], env=env, stdout=sys.stderr).returncode
    open("state", "w").write("Failed" if code else "Complete")
    print("msd-x7", end="")
elif command == "get":
    print(json.dumps({{"status": {{"conditions": [{{"type": open("state").read(), "status": "True"}}]}}}}))
"""


def call(toy: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    shutil.copytree(PROJECT / "workflow/profiles/kubernetes", toy / "workflow/profiles/kubernetes", dirs_exist_ok=True)
    (toy / "kubectl").write_text(KUBECTL.format(python=sys.executable))
    (toy / "kubectl").chmod(0o755)
    profile = ("--workflow-profile", "workflow/profiles/kubernetes", "--latency-wait", "1", "--retries", "0")
    path = os.pathsep.join([str(toy), str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "snakemake", *profile, f"{MADE}/count/numbers"]
    env = environment() | {"PATH": path} | variables
    return subprocess.run(command, cwd=toy, env=env, capture_output=True, text=True, check=False)


def test_a_job_is_a_pod_with_its_resources_on_the_shared_volume(toy: Path) -> None:
    done = call(toy, MSD_IMAGE="registry.example.org/msd:1", MSD_CLAIM="disk")
    assert done.returncode == 0, done.stderr
    assert (toy / MADE / "count/numbers").read_text() == "1 2 3 4"
    spec = json.loads((toy / "job.json").read_text())["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 3600)
    [container] = spec["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.org/msd:1"
    size = {"memory": "2000Mi", "cpu": "1"}
    assert container["resources"] == {"requests": size, "limits": {"memory": "2000Mi"}}
    assert container["volumeMounts"] == [{"name": "project", "mountPath": str(toy)}]
    [volume] = spec["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": "disk"}
    assert {each["name"] for each in container["env"]} == {"PYTHONPATH", "PYTHONSAFEPATH"}


def test_a_call_without_an_image_says_what_to_set(toy: Path) -> None:
    done = call(toy, MSD_IMAGE="", MSD_CLAIM="disk")
    assert done.returncode == 1
    assert "MSD_IMAGE: set what docs/cluster.md says of Kubernetes" in done.stderr
