"""The Kubernetes profile against a stand-in for kubectl that runs a Job's container on this machine, as it is written.

Its manifests are held against Kubernetes's schema.
"""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from arithmetic import MADE
from calls import PROJECT, environment
from jsonschema import Draft202012Validator

PROFILE = "workflow/profiles/kubernetes"
SCHEMA = json.loads(Path(__file__).with_name("kubernetes-schema.json").read_text())

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


ENDLESS = """#!/bin/sh
case $1 in
  create) printf msd-x7 ;;
  get) touch running; echo '{"status": {}}' ;;
  delete) shift; echo "$@" > deleted ;;
esac
"""
"""A stand-in whose Jobs never end."""


def start(toy: Path, kubectl: str = KUBECTL.format(python=sys.executable), **variables: str) -> subprocess.Popen[str]:
    shutil.copytree(PROJECT / PROFILE, toy / PROFILE)
    (toy / "kubectl").write_text(kubectl)
    (toy / "kubectl").chmod(0o755)
    profile = ("--workflow-profile", PROFILE, "--latency-wait", "1", "--retries", "0")
    path = os.pathsep.join([str(toy), str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "snakemake", *profile, f"{MADE}/count/numbers"]
    env = environment() | {"PATH": path} | variables
    heard = functools.partial(
        signal.signal, signal.SIGINT, signal.SIG_DFL
    )  # a shell's job in the background hears none
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=toy, env=env, preexec_fn=heard, **pipes)


def faults(manifest: dict[str, Any]) -> list[str]:
    """What Kubernetes's schema has against a manifest."""
    kind = {"$ref": f"#/$defs/{manifest['kind']}"} | SCHEMA
    return [fault.message for fault in Draft202012Validator(kind).iter_errors(manifest)]


def test_a_job_is_a_pod_with_its_resources_on_the_shared_volume(toy: Path) -> None:
    call = start(toy, MSD_IMAGE="registry.example.org/msd:1", MSD_CLAIM="disk")
    said, _ = call.communicate()
    assert call.returncode == 0, said
    assert (toy / MADE / "count/numbers").read_text() == "1 2 3 4"
    manifest = json.loads((toy / "job.json").read_text())
    assert not faults(manifest)
    job, pod = manifest["spec"], manifest["spec"]["template"]["spec"]
    assert (job["backoffLimit"], pod["activeDeadlineSeconds"]) == (0, 3600)
    assert "activeDeadlineSeconds" not in job, "there it counts while the pod waits for a node"
    [container] = pod["containers"]
    assert container["image"] == "registry.example.org/msd:1"
    size = {"memory": "2000Mi", "cpu": "1"}
    assert container["resources"] == {"requests": size, "limits": {"memory": "2000Mi"}}
    assert container["volumeMounts"] == [{"name": "project", "mountPath": str(toy)}]
    [volume] = pod["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": "disk"}
    assert {each["name"] for each in container["env"]} == {"PYTHONPATH", "PYTHONSAFEPATH"}
    assert "envFrom" not in container


def test_what_a_licence_comes_with_is_taken_from_a_secret_and_stands_in_no_manifest(toy: Path) -> None:
    secret = {"MSD_SECRET": "licences", "MSD_HATEFUL_MEMES_PASSWORD": "swordfish"}
    call = start(toy, MSD_IMAGE="registry.example.org/msd:1", MSD_CLAIM="disk", **secret)
    said, _ = call.communicate()
    assert call.returncode == 0, said
    text = (toy / "job.json").read_text()
    manifest = json.loads(text)
    assert not faults(manifest)
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "licences", "optional": True}}]
    assert "swordfish" not in text + said
    container["envFrom"] = [{"secretRef": {"nome": "licences"}}]
    assert faults(manifest), "the schema knows what a reference to a Secret is"


def test_a_call_without_an_image_says_what_to_set(toy: Path) -> None:
    call = start(toy, MSD_IMAGE="", MSD_CLAIM="disk")
    said, _ = call.communicate()
    assert call.returncode == 1
    assert "MSD_IMAGE: set what docs/cluster.md says of Kubernetes" in said


def test_ctrl_c_deletes_the_jobs_that_run(toy: Path) -> None:
    call = start(toy, ENDLESS, MSD_IMAGE="registry.example.org/msd:1", MSD_CLAIM="disk")
    deadline = time.monotonic() + 120
    while not (toy / "running").exists() and call.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(3)  # while Snakemake asks for states, Ctrl-C reaches no job: it next does after 10 s
    call.send_signal(signal.SIGINT)
    said, _ = call.communicate(timeout=120)
    assert call.returncode == 1, said
    assert (toy / "deleted").read_text() == "job --ignore-not-found --wait=false msd-x7\n"


MANIFESTS = {item["kind"]: item for item in yaml.safe_load_all((PROJECT / PROFILE / "study.yaml").read_text())}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_the_manifests_of_a_study_are_kubernetes_s(kind: str) -> None:
    assert not faults(MANIFESTS[kind])
    assert faults(MANIFESTS[kind] | {"metadata": {"nome": "msd"}}), "the schema refuses an unknown key"
