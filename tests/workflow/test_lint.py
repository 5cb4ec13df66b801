"""The lint wrapper of `make lint`: the advice that it accepts hides no other, and no error."""

import runpy
from pathlib import Path

from calls import PROJECT, snakemake

SNAKEFILE = """
rule copy:
    input: "Snakefile"
    output: "copy"
    log: "copy.log"
    shell: "cp {input} {output}"
"""


def test_only_the_accepted_advice_is_clean(tmp_path: Path) -> None:
    is_clean = runpy.run_path(str(PROJECT / "workflow/lint.py"))["is_clean"]
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    done = snakemake("--lint", folder=tmp_path)
    accepted = done.stdout + done.stderr
    assert done.returncode == 1
    assert is_clean(1, accepted)
    assert not is_clean(1, accepted + '    * Absolute path "/tmp/absolute" in line 4:\n')
    assert not is_clean(1, "SyntaxError in file Snakefile, line 2")
    assert is_clean(0, "Congratulations, your workflow is in a good condition!")
