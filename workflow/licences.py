"""Write docs/licences.md: the licence of every package of requirements.lock, as its installed files state it.

    make lock        or        python workflow/licences.py

A package states it as an SPDX expression, in words, or by its licence's text alone; `STATED` gives the words their SPDX
names. What is in no list here is an error: somebody has to read it first.
"""

import re
import sys
from importlib import metadata
from pathlib import Path

from lock import LOCK, pins

PAGE = Path("docs/licences.md")
ALLOWED = {
    *("0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0"),
    *("CC0-1.0", "CNRI-Python", "EPL-1.0", "EPL-2.0", "GPL-2.0", "GPL-2.0-or-later", "GPL-2.0 WITH linking exception"),
    *("ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "OLDAP-2.8", "PSF-2.0", "Public domain", "Zlib", "ZPL-2.1"),
}
"""May be installed beside MIT-licensed code that passes none of them on."""
STATED = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "GNU General Public License (GPL)": "GPL-2.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0",
    "GPLv2 | EPLv1": "GPL-2.0 OR EPL-1.0",
    "GPLv2 with linking exception": "GPL-2.0 WITH linking exception",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Public Domain": "Public domain",
    "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
}
MIT_TEXT = "Permission is hereby granted, free of charge, to any person obtaining a copy"
HEADER = """# Licences of the locked packages
Written by `make lock` from what each installed package states; MSD itself is under MIT, and passes none of them on.
`BSD`: one of its forms, the package does not say which in its metadata. PyPI's torch for Linux brings the packages of
`requirements-cuda.lock` too, most of them under NVIDIA's own terms, which are in each of them.

| package | version | licence |
|---|---|---|
"""


def licence_of(package: str) -> str:
    """The licence of an installed package, in SPDX's names where the package's words allow it; "" if it states none."""
    stated = metadata.metadata(package)
    if expression := stated.get("License-Expression"):
        return expression
    words = (stated.get("License") or "").strip()
    licence = STATED.get(words, words)
    if all(part in ALLOWED for part in parts(licence)):
        return licence
    classes = [
        value.split(" :: ")[-1] for value in stated.get_all("Classifier") or [] if value.startswith("License ::")
    ]
    known = [STATED.get(value, value) for value in classes if value != "OSI Approved"]
    if known:
        return " OR ".join(known)
    return "MIT" if MIT_TEXT in _text(package) else ""


def _text(package: str) -> str:
    files = [file for file in metadata.files(package) or [] if re.match("licen[cs]e", file.name, re.IGNORECASE)]
    return " ".join(" ".join(file.read_text(encoding="utf-8").split()) for file in files)


def parts(licence: str) -> list[str]:
    """The licences that an expression names."""
    return [part.strip("() ") for part in re.split(r" (?:AND|OR) ", licence)]


def page() -> str:
    """The text of docs/licences.md; ValueError for a licence that is in no list."""
    rows = []
    for package, version in sorted(pins(LOCK.read_text(encoding="utf-8")).items()):
        licence = licence_of(package)
        unknown = [part for part in parts(licence) if part not in ALLOWED]
        if unknown:
            raise ValueError(
                f"{package} {version}: licence {licence or 'not stated'!r}; read it, then add it to {__file__}"
            )
        rows.append(f"| {package} | {version} | {licence} |\n")
    return HEADER + "".join(rows)


if __name__ == "__main__":
    try:
        PAGE.write_text(page(), encoding="utf-8")
    except (ValueError, metadata.PackageNotFoundError) as error:
        sys.exit(f"{PAGE} is not written: {error}")
