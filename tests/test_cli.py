"""The command `msd`: starts without the heavy libraries, names the nearest command, and exits as it should."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from msd.cli import main, parser
from msd.commands import find_study
from msd.errors import UserError

PROJECT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "numpy", "pandas", "pyarrow", "transformers", "mlflow", "pydantic", "yaml", "sklearn", "snakemake"}
COMMANDS = [
    "audit",
    "compare",
    "complete",
    "crate",
    "data",
    "demo",
    "doctor",
    "export",
    "init",
    "plan",
    "predict",
    "stage",
    "sync",
    "track",
]


def modules_loaded_by(statements: str) -> set[str]:
    program = f"import sys\n{statements}\nprint(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    reply = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return set(reply.stdout.splitlines()[-1].split())


def test_help_and_a_stage_load_nothing_heavy() -> None:
    help_text = "from msd.cli import main\ntry: main(['--help'])\nexcept SystemExit as stop: assert stop.code == 0"
    assert not HEAVY & modules_loaded_by(help_text)
    assert not HEAVY & modules_loaded_by("import msd.job, msd.lineage.audit, msd.tracking")


def test_a_reader_that_stops_reading_is_no_error_to_print(tmp_path: Path) -> None:
    """`msd trace … | head`: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command, environment = [sys.executable, "-m", "msd", "sync"], os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.stderr, done.returncode) == (b"", 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_without_room_is_one_sentence(tmp_path: Path) -> None:
    command, environment = [sys.executable, "-m", "msd", "sync"], os.environ | {"PYTHONPATH": str(PROJECT)}
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=tmp_path, env=environment, stdout=full, stderr=subprocess.PIPE, check=False)
    sentence = b"msd sync: what it found cannot be written: No space left on device; make room for its output\n"
    assert (done.stderr, done.returncode) == (sentence, 1)


def test_help_and_the_answer_to_a_command_that_resembles_none_name_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert all(f"\n    {command} " in text for command in COMMANDS)
    with pytest.raises(SystemExit):
        main(["xyzzy"])
    error = capsys.readouterr().err
    assert all(command in error for command in COMMANDS)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("stage fetch results/data/jobs/fetch/x.json", {"rule", "job"}),
        ("audit --study demo --full", {"study", "full"}),
        ("sync --study demo", {"study"}),
        ("track --study demo", {"study"}),
        ("plan --study config/demo.yaml", {"study"}),
        ("doctor --study config/demo.yaml", {"study"}),
        ("publish --study demo", {"study"}),
        ("power --study demo --difference .005", {"study", "difference"}),
        ("crate --study a --out b", {"study", "out"}),
        ("trace results/demo/report.html --json", {"study", "place", "json"}),
        (
            "data add a --name b --image-col c --text-col d --label-col e --label-col f --label-separator ; --split-col g "
            "--group-col h --delimiter ; --pictures i --shares 80/10/10 --seed 2 --side 64 --strict --force",
            {"verb", "folder", "dataset", "image_col", "text_col", "label_col", "label_separator", "split_col"}
            | {"group_col", "delimiter", "pictures", "shares", "seed", "side", "strict", "force"},
        ),
        ("compare demo HEAD --study demo --json", {"before", "after", "study", "json"}),
    ],
)
def test_the_options_are_these(line: str, options: set[str]) -> None:
    """Outsiders call them: change this list only together with the documentation."""
    assert vars(parser().parse_args(line.split())).keys() == {"name", "command", *options}


@pytest.mark.parametrize("command", ["audit", "track", "plan", "crate", "publish", "power", "sync", "trace"])
def test_a_study_is_named_with_or_without_the_option(command: str) -> None:
    place = ["main#clipart-tags/kd"] if command == "trace" else []
    for words in (["mfh"], ["--study", "mfh"], ["--study=mfh"]):
        assert parser().parse_args([command, *words, *place]).study == "mfh"
    assert parser().parse_args([command, *place]).study == (None if command in ("audit", "sync") else "demo")


@pytest.mark.parametrize(
    ("words", "completed"),
    [("au", "audit"), ("power --diff", "--difference"), ("data a", "add"), ("init fold", "folder")],
)
def test_bash_completes_commands_options_and_files(
    working_folder: Path, capsys: pytest.CaptureFixture[str], words: str, completed: str
) -> None:
    Path("folder").mkdir()
    assert main(["complete", "bash"]) == 0
    Path("completion.sh").write_text(capsys.readouterr().out)
    ask = f"COMP_WORDS=(msd {words}); COMP_CWORD={len(words.split())}; _shtab_msd; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", f"source completion.sh; {ask}"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [completed]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("audt", "audit"), ("complete bsh", "bash"), ("data ad", "add"), ("tracks", "track"), ("stag", "stage")],
)
def test_an_unknown_command_is_answered_with_the_nearest(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(typed.split())
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert f"did you mean {meant!r}?" in error
    assert error.count("\n") == 1


def test_a_users_error_is_one_sentence_and_exit_1(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--study", "demo"]) == 1
    assert main(["track", "--study", "demo"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("msd audit: ")
    assert lines[1].startswith("msd track: ")


def test_a_place_that_cannot_be_is_one_sentence(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    assert main(["init", "file/my-study"]) == 1
    sentence = "msd init: file/my-study: Not a directory; is that the place that you mean?\n"
    assert capsys.readouterr().err == sentence


def test_a_study_is_given_by_name_or_file(working_folder: Path) -> None:
    Path("config").mkdir()
    Path("config/demo.yaml").write_text("study: demo\n")
    Path("config/named.yaml").write_text("study: other\n")
    Path("config/broken.yaml").write_text("a: [\n")
    assert find_study("demo") == find_study("config/demo.yaml") == ("demo", "config/demo.yaml")
    assert find_study("config/named.yaml") == ("other", "config/named.yaml")
    for wrong in ("config/demos.yaml", "config/demo.yam", "config/demo.yml"):
        with pytest.raises(UserError, match=r"did you mean 'config/demo.yaml'\?"):
            find_study(wrong)
    with pytest.raises(UserError, match=r"config/broken.yaml is not valid YAML"):
        find_study("config/broken.yaml")
