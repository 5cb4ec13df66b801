"""Run a job of Snakemake as a Kubernetes Job, for its executor cluster-generic: submit, status.

Pods see the project's folder at the path that it has here, on a volume that they share (a PersistentVolumeClaim with
ReadWriteMany). The environment says MSD_IMAGE, the container's image, and MSD_CLAIM, the claim's name; MSD_SECRET,
where it is set, the name of the Secret whose keys are the variables that licences come with. kubectl's context says the
cluster and the namespace.

    python workflow/profiles/kubernetes/job.py submit --mem-mb 2000 --minutes 60 --gpus 0 --threads 1 job.sh
"""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

DAY = 86400
PASSED = ("PYTHONPATH", "PYTHONSAFEPATH")
"""Variables that make a job run the code that its call has frozen."""
STATES = {"Complete": "success", "Failed": "failed"}


def manifest(options: argparse.Namespace, *, image: str, claim: str, secret: str | None = None) -> dict[str, Any]:
    """The Job that runs the script of one of Snakemake's jobs once."""
    size = {"memory": f"{options.mem_mb}Mi", "cpu": str(options.threads)}
    limits = {"memory": size["memory"], **({"nvidia.com/gpu": str(options.gpus)} if options.gpus else {})}
    container: dict[str, Any] = {
        "name": "job",
        "image": image,
        "command": ["bash", options.script],
        "workingDir": os.getcwd(),
        "env": [{"name": name, "value": os.environ[name]} for name in PASSED if name in os.environ],
        "resources": {"requests": size, "limits": limits},
        "volumeMounts": [{"name": "project", "mountPath": os.getcwd()}],
    }
    if secret:  # its values are in no manifest; a data set that lacks one says so itself
        container["envFrom"] = [{"secretRef": {"name": secret, "optional": True}}]
    volume = {"name": "project", "persistentVolumeClaim": {"claimName": claim}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "msd-", "labels": {"app": "msd"}},
        "spec": {
            "backoffLimit": 0,  # Snakemake tries again, with more
            "ttlSecondsAfterFinished": DAY,
            "template": {
                "metadata": {"labels": {"app": "msd"}},
                "spec": {
                    "restartPolicy": "Never",
                    "activeDeadlineSeconds": 60 * options.minutes,  # of the pod, whose time begins on a node
                    "containers": [container],
                    "volumes": [volume],
                },
            },
        },
    }


def kubectl(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, check=False)


def submit(options: argparse.Namespace) -> int:
    """Print the name of a new Job."""
    given = {name: os.environ.get(f"MSD_{name.upper()}") for name in ("image", "claim")}
    missing = [f"MSD_{name.upper()}" for name, value in given.items() if not value]
    if missing:
        print(f"{' and '.join(missing)}: set what docs/cluster.md says of Kubernetes", file=sys.stderr)
        return 1
    described = json.dumps(manifest(options, **given, secret=os.environ.get("MSD_SECRET")))
    done = kubectl("create", "--filename=-", "--output=jsonpath={.metadata.name}", text=described)
    print(done.stdout or done.stderr.strip(), file=sys.stderr if done.returncode else sys.stdout)
    return done.returncode


def status(options: argparse.Namespace) -> int:
    """Print success, failed or running; a server that does not answer has not ended the job."""
    done = kubectl("get", "job", options.name, "--output=json")
    if done.returncode:
        print("failed" if "NotFound" in done.stderr else "running")
        return 0
    conditions = json.loads(done.stdout).get("status", {}).get("conditions", [])
    ends = [STATES[each["type"]] for each in conditions if each["type"] in STATES and each["status"] == "True"]
    print(ends[0] if ends else "running")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a job of Snakemake as a Kubernetes Job.")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("submit")
    for name in ("mem-mb", "minutes", "gpus", "threads"):
        one.add_argument(f"--{name}", type=int, required=True)
    one.add_argument("script")
    one.set_defaults(run=submit)
    asked = commands.add_parser("status")
    asked.add_argument("name")
    asked.set_defaults(run=status)
    options = parser.parse_args()
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
