"""What `mkdocs build` does beyond Markdown: files outside of docs/ that pages link to, and docstrings as written."""

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any

from griffe import Docstring, Extension, Object
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")
PROJECT = "project"
"""Folder of the site in which files of the repository lie, under their own paths."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the repository's files that pages link to, and those that these link to."""
    root = Path(config.config_file_path).parent
    waiting = [(f"docs/{file.src_uri}", file.content_string) for file in files.documentation_pages()]
    while waiting:
        page, text = waiting.pop()
        for target in _outside(page, text):
            path, uri = root / target, f"{PROJECT}/{target}"
            if path.is_file() and files.get_file_from_path(uri) is None:
                content = path.read_text(encoding="utf-8") if path.suffix == ".md" else None
                added = {"abs_src_path": str(path)} if content is None else {"content": content}
                files.append(File.generated(config, uri, **added))
                waiting += [(target, content)] if content is not None else []
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links that leave docs/ to where `on_files` put their files."""
    here = page.file.src_uri
    origin = here.removeprefix(f"{PROJECT}/") if here.startswith(f"{PROJECT}/") else f"docs/{here}"

    def led(match: re.Match[str]) -> str:
        target = _target(origin, match[1])
        uri = target.removeprefix("docs/") if target.startswith("docs/") else f"{PROJECT}/{target}"
        return posixpath.relpath(uri, posixpath.dirname(here) or ".")

    return LINK.sub(led, markdown)


def _outside(page: str, text: str) -> set[str]:
    return {target for link in LINK.findall(text) if not (target := _target(page, link)).startswith("docs/")}


def _target(page: str, link: str) -> str:
    """The path from the repository's root of what a page, itself given by its path, links to."""
    return posixpath.normpath(str(PurePosixPath(page).parent / link))


class Preformatted(Extension):
    """Docstrings keep their lines, with which formulas and shapes are set."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Put the text below the first paragraph into a block of its own."""
        if obj.docstring is not None:
            first, _, rest = obj.docstring.value.partition("\n\n")
            block = f"\n\n```text\n{rest.strip()}\n```" if rest.strip() else ""
            obj.docstring = Docstring(f"{_escaped(first)}{block}", parent=obj)


def _escaped(text: str) -> str:
    return re.sub(r"([*_<])", r"\\\1", text)
