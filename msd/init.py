"""`msd init`: a project of one's own, with the workflow and all that a study may name, from the installed package."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from msd.errors import UserError

PACKAGE = Path(__file__).resolve().parent
FILES = ("Snakefile", "CITATION.cff", "requirements.lock", "results/README.md")
FOLDERS = ("config", "workflow")
NAME = re.compile("[a-z0-9][a-z0-9-]*")
IGNORED = """.snakemake/
results/*
!results/README.md
!results/published/
/data/
/exports/
/crates/
"""


@dataclass(frozen=True)
class Laid:
    """The project that was laid out."""

    folder: Path
    study: str

    def __str__(self) -> str:
        return (
            f"{self.folder}: the study is config/{self.study}.yaml, a copy of config/demo.yaml to change. Next:\n"
            f"  cd {self.folder}\n  msd doctor {self.study}\n  snakemake -n     # what would run\n  snakemake"
        )


def init(folder: Path) -> Laid:
    """Lay out a project in a new or empty folder, whose name is that of its study.

    `snakemake` there runs config/<study>.yaml; other studies are run by `--configfile` as ever.

    Raises:
        UserError: the name is none for a study, or the folder holds something.
    """
    study = folder.resolve().name
    if NAME.fullmatch(study) is None:
        raise UserError(f"{study!r} names its study too: small letters, digits and dashes, such as my-study")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there and holds something; name a new or an empty folder")
    origin = origin_of_projects()
    if (origin / f"config/{study}.yaml").exists():
        raise UserError(f"config/{study}.yaml comes with every project; give yours another name")
    folder.mkdir(parents=True, exist_ok=True)
    for name in FOLDERS:
        shutil.copytree(origin / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(origin / name, folder / name)
    (folder / "profiles").symlink_to("workflow/profiles")
    (folder / ".gitignore").write_text(IGNORED, encoding="utf-8")
    demo = (folder / "config/demo.yaml").read_text(encoding="utf-8")
    own = re.sub("^study: demo$", f"study: {study}", demo, flags=re.MULTILINE)
    (folder / f"config/{study}.yaml").write_text(own, encoding="utf-8")
    with (folder / "workflow/profiles/default/profile.yaml").open("a", encoding="utf-8") as profile:
        profile.write(f"configfile: config/{study}.yaml\n")
    return Laid(folder, study)


def origin_of_projects() -> Path:
    """The folder with what a project needs: in an installed package, or the repository that this is."""
    installed = PACKAGE / "project"
    return installed if installed.is_dir() else PACKAGE.parent
