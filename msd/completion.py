"""`msd complete`: the script by which a shell completes commands, options and files."""

import argparse

import shtab


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script of a shell, one of shtab's, for a whole command line."""
    _complete_files(parser)
    return str(shtab.complete(parser, shell))


def _complete_files(command: argparse.ArgumentParser) -> None:
    """Let every value that is none of a few be completed as a file's name."""
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _complete_files(inner)
        elif action.choices is None and action.nargs != 0:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
