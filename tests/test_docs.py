"""Pages lead to files that are there, and every command in them runs, or at least can be read.

A shell block of a page is run line by line in a small study's folder, but for lines whose comment begins with
`minutes:`, `an hour:`, `hours:` or `needs:`: of these the targets, options and arguments are held against the programs.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import shades
import yaml
from PIL import Image
from synthetic_jobs import FakeStudy

from msd.cli import main, parser
from msd.config.study import load_study
from msd.reference import PAGE, commands_page

PROJECT = Path(__file__).resolve().parents[1]
DOCS = sorted(Path("docs").glob("*.md"))
PAGES = [*map(Path, ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "results/README.md")), *DOCS]
LATER = re.compile(r"\s#\s*(minutes|an hour|hours|needs):")
FILES = [
    "config",
    "workflow",
    "Makefile",
    "CITATION.cff",
    "requirements.lock",
    "requirements-cuda.lock",
    "requirements-docs.lock",
    "pyproject.toml",
    "dvc.yaml",
    ".dvc",
    ".dvcignore",
]
READERS = ("audit", "trace", "compare", "power", "crate", "track", "export", "predict")
"""Commands that read a study's results, here those of the small study."""
STAND_INS = {
    r"results/demo/students/easy-vqa/kd/…": str(shades.RUN),
    r"\b(demo|smoke)\b": "tiny",
    "clipart-tags": "tags",
}


def lines(page: Path) -> list[str]:
    """The lines of a page's shell blocks; one that a backslash ends goes on in the next."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def commands(line: str) -> list[str]:
    """The commands of a line, without its comment."""
    return re.split(r" && |; ", re.sub(r"\s+#\s.*", "", line))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """Names in backticks below folders of the package, but for patterns and examples of one's own."""
    named = re.findall(r"`((?:msd|config|workflow|tests|bench|docs)/[\w./+-]+\.\w+)`", page.read_text())
    assert not [name for name in named if not Path(name).exists() and "yours" not in name]


def test_the_page_of_commands_is_up_to_date() -> None:
    assert PAGE.read_text() == commands_page(), "run `python -m msd.reference`"


def test_every_method_has_its_formula_and_every_command_a_place() -> None:
    text = Path("docs/formulas.md").read_text()
    modules = [path.stem for path in Path("msd/distill/methods").glob("[!_]*.py")]
    assert modules
    assert not [module for module in modules if f"msd.distill.methods.{module}." not in text]


def test_keys_to_add_to_a_study_are_read() -> None:
    [shown] = re.findall(
        r"^```yaml\n(teacher:.*?)^```", Path("docs/own-method.md").read_text(), re.MULTILINE | re.DOTALL
    )
    file = Path("config/demo.yaml")
    study, added = yaml.safe_load(file.read_text()), yaml.safe_load(shown)
    added["datasets"] = {name: own | added["datasets"].get(name, {}) for name, own in study["datasets"].items()}
    loaded = load_study(file, overrides={name: study.get(name, {}) | own for name, own in added.items()})
    assert {name: loaded.pairs(name) for name in loaded.datasets} == dict.fromkeys(loaded.datasets, 1) | {"easy-vqa": 0}
    assert all(loaded.training("teacher", name).schedule().stop == 3 for name in loaded.datasets)


def test_no_command_of_ours_is_in_a_block_without_a_language() -> None:
    """It would escape the test of commands."""
    for page in PAGES:
        plain = re.findall(r"^```\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        assert not [block for block in plain if re.match(r"(\S*/)?(msd [a-z]+ |make |snakemake|dvc )", block)], page


@pytest.fixture(scope="module")
def folder(
    reported_study: FakeStudy, tmp_path_factory: pytest.TempPathFactory, write_tokenizer: Callable[[Path], None]
) -> Iterator[Path]:
    """A project with a small study's results, a trained student, and what a reader of the pages has beside it."""
    project = tmp_path_factory.mktemp("docs") / "project"
    shutil.copytree(reported_study.root, project)
    for name in ("msd", "profiles", "Snakefile", "docs", "results/published"):
        (project / name).symlink_to(PROJECT / name)
    for name in FILES:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, project / name)
    (project / ".venv").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        shades.make_run(write_tokenizer)
        write_what_a_reader_has()
        yield project


def write_what_a_reader_has() -> None:
    """Tables and pictures of one's own, under the names that the pages give them, and a study file of the results."""
    pictures = [f"{number}.png" for number in range(60)]
    Path("photos").mkdir()
    for number, name in enumerate(pictures):
        Image.new("RGB", (9, 9), (number * 4, 255 - number * 4, number % 3 * 99)).save(f"photos/{name}")
    table = {"file": pictures, "caption": [f"thing {n}" for n in range(60)], "kind": ["ab"[n % 2] for n in range(60)]}
    pd.DataFrame(table).to_csv("photos/things.csv", index=False)
    Image.new("RGB", (9, 9), "red").save("shapes.png")
    pd.DataFrame({"image": ["shapes.png"], "text": ["a red one"]}).to_csv("asked.csv", index=False)


def stand_in(command: str) -> str:
    """A command that reads results, asked about those of the small study."""
    for place, small in STAND_INS.items():
        command = re.sub(place, small, command)
    # The student's study is whole; the other one read files outside of its folder.
    return re.sub("(audit|crate) tiny", r"\1 toy", command)


@pytest.mark.parametrize("page", [page for page in PAGES if lines(page)], ids=str)
def test_every_command_runs(page: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for line in lines(PROJECT / page):
        for command in commands(line):
            if LATER.search(line):
                can_be_read(command)
            else:
                runs(command, capfd)


def runs(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Run a command in this process if it is one of `msd` alone, else in a shell."""
    program, *words = shlex.split(command)
    if program == "msd" and words[0] in READERS:
        command = stand_in(command)
    if program == "msd" and not re.search(r"[|>]", command):
        status = main(shlex.split(command)[1:])
        assert status == 0, f"{command}: {''.join(capfd.readouterr())[-2000:]}"
        return
    script = f"set -euo pipefail; PATH={shlex.quote(f'{sys.prefix}/bin')}:$PATH; {command}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def can_be_read(command: str) -> None:
    """Hold a command that takes long, or needs what is not here, against its program's options and targets."""
    program, *words = shlex.split(command)
    match program:
        case "make":
            subprocess.run(["make", "--dry-run", *words], capture_output=True, check=True)
        case "msd":
            parser().parse_args(words)
        case "snakemake":
            from snakemake.cli import get_argument_parser

            targets = get_argument_parser().parse_args(words).targets
            rules = "".join(path.read_text() for path in Path("workflow/rules").glob("*.smk"))
            assert not [target for target in targets if f"\nrule {target}:" not in rules]
        case "dvc":
            from dvc.cli.parser import get_main_parser

            get_main_parser().parse_args(words)
        case "mlflow":
            from mlflow.cli import cli

            cli.commands[words[0]].make_context(words[0], words[1:])
        case "pip":
            from pip._internal.commands import create_command

            create_command(words[0]).parse_args(words[1:])
        case _:
            assert program in ("cd", "git"), f"{program}: say how its commands are checked"
