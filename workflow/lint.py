"""`snakemake --lint` that accepts one advice: to give each rule a conda environment or a container.

Every job runs in the environment that runs Snakemake, whose exact versions are in requirements.lock; a second
description of it for conda would be tested by nobody. Any other advice, and any error, fails with Snakemake's text.

    python workflow/lint.py [arguments of snakemake, such as --configfile config/smoke.yaml]
"""

import subprocess
import sys

ACCEPTED = "Specify a conda environment or container for each rule."


def is_clean(status: int, text: str) -> bool:
    """Whether Snakemake gave no advice but the accepted one; `text`, since `--lint json` of 9.27 prints no JSON."""
    advice = [line.strip() for line in text.splitlines() if line.startswith("    * ")]
    return status == 0 or (bool(advice) and set(advice) == {f"* {ACCEPTED}:"})


def main(arguments: list[str]) -> int:
    """Lint the workflow in the current folder."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--lint"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if is_clean(done.returncode, done.stdout):
        print("The workflow lints clean, but for rules without an environment of their own")
        return 0
    print(done.stdout)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
