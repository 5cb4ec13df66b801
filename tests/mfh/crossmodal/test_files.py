"""Which files of a data folder are read: through links too, each once."""

import os
from pathlib import Path

from msd.data.findings import Findings
from msd.mfh.crossmodal.files import files_below, partners_below


def test_links_are_followed_and_what_they_lead_to_twice_or_not_at_all_is_named(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for place in (folder / "part", elsewhere / "deep"):
        place.mkdir(parents=True)
    for path in (folder / "part/a.mp4", elsewhere / "deep/b.MP4", elsewhere / "c.mp4"):
        path.touch()
    (folder / "linked").symlink_to(elsewhere)
    (folder / "part/b (1).mp4").symlink_to(elsewhere / "c.mp4")
    (folder / "z.mp4").symlink_to(elsewhere / "c.mp4")
    (folder / "gone.mp4").symlink_to(tmp_path / "nowhere")
    (folder / "again").symlink_to(folder / "part")
    (elsewhere / "loop").symlink_to(folder)
    (folder / "folder.mp4").mkdir()
    findings = Findings()
    found = [path.relative_to(folder).as_posix() for path in files_below(folder, (".mp4",), findings)]
    assert found == ["part/a.mp4", "linked/deep/b.MP4", "linked/c.mp4", "z.mp4"]
    assert sorted((entry["where"], entry["reason"]) for entry in findings) == [
        ("again", "a link to a folder that is read"),
        ("gone.mp4", "a link to nothing, or no file"),
        ("linked/loop", "a link to a folder that is read"),
        ("part/b (1).mp4", "a copy, by its name"),
    ]


def test_a_link_to_the_folder_itself_is_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.wav").touch()
    (tmp_path / "link").symlink_to("real")
    assert [os.path.basename(path) for path in files_below(tmp_path / "link", (".wav",), Findings())] == ["a.wav"]


def test_partners_are_found_in_capitals_too_and_a_second_of_the_kind_is_named(tmp_path: Path) -> None:
    for name in ("a.PNG", "a.txt", "b/a.png", "b/a.TXT", "c.Png", "c.png", ".png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    findings = Findings()
    found = partners_below(tmp_path, (".png", ".txt"), findings)
    places = {
        path.relative_to(tmp_path).as_posix(): [own.name for own in files.values()] for path, files in found.items()
    }
    assert places == {".png": [".png"], "a": ["a.PNG", "a.txt"], "b/a": ["a.TXT", "a.png"], "c": ["c.Png"]}
    assert [(entry["where"], entry["reason"]) for entry in findings] == [("c.png", "name given twice: c.Png")]


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert files_below(tmp_path / "none", (".wav",), Findings()) == []
