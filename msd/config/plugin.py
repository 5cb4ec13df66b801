"""Plugins: each a module of a package that defines one class of a kind, named in a file of config/."""

import importlib
import pkgutil
from types import ModuleType
from typing import TypeVar

from msd.errors import UserError

Kind = TypeVar("Kind")


def plugin_names(package: ModuleType) -> list[str]:
    """The modules of a package, without importing one."""
    return [module.name for module in pkgutil.iter_modules(package.__path__)]


def plugin_class(package: ModuleType, name: str, kind: type[Kind]) -> type[Kind]:
    """The one subclass of `kind` that a module of the package defines; UserError where it defines none or several."""
    try:
        module = importlib.import_module(f"{package.__name__}.{name}")
    except (ImportError, SyntaxError) as error:
        place = f"{package.__name__}.{name}".replace(".", "/")
        raise UserError(f"{place}.py cannot be imported: {type(error).__name__}: {error}; correct it") from error
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, kind)]
    own = [value for value in classes if value.__module__ == module.__name__]
    if len(own) != 1:
        raise UserError(f"{module.__name__} must define exactly one subclass of {kind.__name__}, it defines {len(own)}")
    return own[0]
