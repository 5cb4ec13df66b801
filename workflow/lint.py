"""`snakemake --lint` that accepts one advice: to give each rule a conda environment or a container.

Every job runs in the environment that runs Snakemake, whose exact versions are in requirements.lock; a second
description of it for conda would be tested by nobody. Any other advice, and any error, fails with Snakemake's text.

    python workflow/lint.py [arguments of snakemake, such as --configfile config/smoke.yaml]
"""

from __future__ import annotations

import subprocess
import sys

ACCEPTED = "Specify a conda environment or container for each rule."


def main(arguments: list[str]) -> int:
    """Lint the workflow in the current folder; 0 if Snakemake has nothing else to say."""
    # Text, since `--lint json` of Snakemake 9.27 prints the same.
    command = [sys.executable, "-m", "snakemake", *arguments, "--lint"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    advice = [line.strip().removeprefix("* ") for line in done.stdout.splitlines() if line.startswith("    * ")]
    others = [title for title in advice if title != f"{ACCEPTED}:"]
    if done.returncode == 0 or (advice and not others):
        print(f"The workflow lints clean, but for {len(advice)} rules without an environment of their own")
        return 0
    print(done.stdout)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
