"""How the library hangs together: who may import whom, how long a module may be, what importing it does.

Each check is a function of sources or of a program's answer, and is tried on made-up ones that it must not let pass.
"""

import ast
import importlib
import inspect
import json
import subprocess
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from colorlib.models import MODELS, Colorizer, model_class
from conftest import ROOT, environment

#: Part of the library → the other parts, or modules of theirs, that it may import; `paths` and `processors` may be
#: imported by all.
ALLOWED = {
    "color": (),
    "images": ("color",),
    "photos": ("images",),
    "training": ("color", "images"),
    "models": ("color", "training", "images.resize"),
    "scores": ("models", "photos", "color", "images.resize"),
    "plots": ("color",),
    "widgets": ("color", "images", "models", "scores"),
    "commands": ("color", "images", "photos", "training", "models", "scores", "plots"),
    "pipeline": ("photos", "plots"),
    "paths": (),
    "processors": (),
    "__init__": ("models",),  # for type checkers
    "cli": ("__init__",),
    "__main__": ("cli",),
}
#: Their functions may import anything when they are called, which keeps importing the library quick.
LAZY = ("__init__", "cli")
LONGEST = 300  # lines
SOURCES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file.read_text("utf-8")
    for file in sorted((ROOT / "colorlib").rglob("*.py"))
}
PACKAGES = {".".join(file.relative_to(ROOT).parent.parts) for file in (ROOT / "colorlib").rglob("__init__.py")}


# Imports


def parts_of(tree: ast.AST, lazy: bool) -> Iterator[ast.AST]:
    """All nodes of a syntax tree; where functions may import what they like, those of functions are left out."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if not (lazy and isinstance(node, ast.FunctionDef)):
            yield from parts_of(node, lazy)


def imported(module: str, source: str, modules: Iterable[str], packages: Iterable[str], lazy: bool = False) -> set[str]:
    """The modules that a module's source imports, at its top or anywhere else, by their full names."""
    package = module.split(".") if module in packages else module.split(".")[:-1]
    found = set()
    for node in parts_of(ast.parse(source), lazy):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found |= inside & set(modules) | ({base} if inside - set(modules) else set())
    return found


def import_graph(sources: Mapping[str, str], packages: Iterable[str], lazy: Iterable[str] = ()) -> dict[str, set[str]]:
    """For each module the modules of the same library that it imports."""
    return {
        name: imported(name, source, sources, packages, part_of(name) in lazy) & set(sources)
        for name, source in sources.items()
    }


def part_of(module: str) -> str:
    """A module's name inside the library: ``images.resize``."""
    return module.partition(".")[2] or "__init__"


def forbidden_imports(graph: Mapping[str, set[str]]) -> list[str]:
    """The imports that `ALLOWED` does not list, as ``"color.standard imports photos"``."""
    wrong = []
    for module, targets in graph.items():
        part = part_of(module).split(".")[0]
        for target in sorted(targets):
            name = part_of(target)
            allowed = (part, "paths", "processors", *ALLOWED.get(part, ()))
            if not any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed):
                wrong.append(f"{part_of(module)} imports {name}")
    return wrong


def cycles(graph: Mapping[str, set[str]]) -> set[str]:
    """The modules that import themselves, directly or through others."""

    def reached(start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    return {module for module in graph if module in reached(module)}


GRAPH = import_graph(SOURCES, PACKAGES)


def test_every_part_says_what_it_may_import():
    assert {part_of(module).split(".")[0] for module in SOURCES} == ALLOWED.keys()
    assert sum(map(len, GRAPH.values())) > 100


def test_parts_import_only_what_they_may():
    assert forbidden_imports(import_graph(SOURCES, PACKAGES, LAZY)) == []


def test_no_two_modules_import_each_other():
    assert cycles(GRAPH) == set()


MADE_UP = {
    "colorlib": "def load():\n    from .models import load_model",
    "colorlib.paths": "import os",
    "colorlib.color": "from .standard import lab",
    "colorlib.color.standard": "import numpy\nfrom .. import paths",
    "colorlib.images": "from .read import read_image",
    "colorlib.images.read": "from ..color import lab",
    "colorlib.images.resize": "",
    "colorlib.models": "from . import cnn",
    "colorlib.models.cnn": "from ..images.resize import resize_image",
}
MADE_UP_PACKAGES = {"colorlib", "colorlib.color", "colorlib.images", "colorlib.models"}


@pytest.mark.parametrize(
    "module, source, complaint",
    [
        ("color.standard", "from ..images import read_image", "color.standard imports images"),
        ("color.standard", "import colorlib.images.read", "color.standard imports images.read"),
        ("color.standard", "from colorlib.images import read", "color.standard imports images.read"),
        ("color.standard", "from colorlib import models", "color.standard imports models"),
        (
            "color.standard",
            "def f():\n    def g():\n        from ..models import cnn",
            "color.standard imports models.cnn",
        ),
        ("color", "if TYPE_CHECKING:\n    from ..models.cnn import CNN", "color imports models.cnn"),
        ("models.cnn", "from ..images.read import read_image", "models.cnn imports images.read"),
        ("models.cnn", "from ..images import resize, read_image", "models.cnn imports images"),
        ("paths", "from . import color", "paths imports color"),
        ("color.standard", "from .. import load", "color.standard imports __init__"),
        ("__init__", "from .images import read", "__init__ imports images.read"),
    ],
)
def test_a_forbidden_import_is_found_wherever_and_however_it_is_written(module, source, complaint):
    assert forbidden_imports(import_graph(MADE_UP, MADE_UP_PACKAGES, LAZY)) == []
    name = f"colorlib.{module}".removesuffix(".__init__")
    assert forbidden_imports(import_graph(MADE_UP | {name: source}, MADE_UP_PACKAGES, LAZY)) == [complaint]


@pytest.mark.parametrize(
    "changes, found",
    [
        ({}, set()),
        ({"colorlib.color.standard": "from . import lab"}, {"colorlib.color", "colorlib.color.standard"}),
        (
            {
                "colorlib.images.resize": "def f():\n    from .read import g",
                "colorlib.images.read": "from . import resize",
            },
            {"colorlib.images.resize", "colorlib.images.read"},
        ),
        (
            {"colorlib.color.standard": "from ..images import x", "colorlib.images.read": "from ..color import lab"},
            {"colorlib.color", "colorlib.color.standard", "colorlib.images", "colorlib.images.read"},
        ),
    ],
)
def test_a_cycle_of_imports_is_found(changes, found):
    assert cycles(import_graph(MADE_UP | changes, MADE_UP_PACKAGES)) == found


def imports_of(library: str, tree: ast.AST) -> bool:
    """Whether a source imports a library other than for type checkers."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return any(imports_of(library, node) for node in tree.orelse)
    if isinstance(tree, ast.Import):
        return any(alias.name.split(".")[0] == library for alias in tree.names)
    if isinstance(tree, ast.ImportFrom):
        return not tree.level and tree.module.split(".")[0] == library
    return any(imports_of(library, node) for node in ast.iter_child_nodes(tree))


def test_keras_is_imported_in_one_place():
    assert [module for module, source in SOURCES.items() if imports_of("keras", ast.parse(source))] == [
        "colorlib.training.backend"
    ]
    assert imports_of("keras", ast.parse("def f():\n    from keras import layers"))
    assert not imports_of("keras", ast.parse("if TYPE_CHECKING:\n    import keras"))


# Length and docstrings


def too_long(sources: Mapping[str, str]) -> list[str]:
    return [module for module, source in sources.items() if len(source.splitlines()) > LONGEST]


def test_no_module_is_long():
    assert too_long(SOURCES) == []
    assert too_long({"short": "x = 1\n" * LONGEST, "long": "x = 1\n" * (LONGEST + 1)}) == ["long"]


def undocumented(module: types.ModuleType, source: str) -> list[str]:
    """Public functions, classes and methods without a docstring; a method may have that of the method it overrides."""
    missing = []
    public = getattr(module, "__all__", ())
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name not in public:
            continue
        if not ast.get_docstring(node):
            missing.append(node.name)
        if isinstance(node, ast.ClassDef):
            kind, methods = (
                getattr(module, node.name),
                [item for item in node.body if isinstance(item, ast.FunctionDef)],
            )
            names = [method.name for method in methods if not method.name.startswith("_")]
            missing += [f"{node.name}.{name}" for name in names if not inspect.getdoc(getattr(kind, name))]
    return missing


def test_every_public_name_has_a_docstring():
    missing = {
        name: names
        for name, source in SOURCES.items()
        if name != "colorlib.__main__" and (names := undocumented(importlib.import_module(name), source))
    }
    assert missing == {}
    assert all(ast.get_docstring(ast.parse(source)) for source in SOURCES.values())


def test_a_missing_docstring_is_found(monkeypatch):
    source = '''
__all__ = ["Base", "Derived", "Record", "function"]
from dataclasses import dataclass
class Base:
    """A class."""
    def told(self):
        """Do something."""
    def untold(self): ...
    @property
    def silent(self): ...
    def _private(self): ...
class Derived(Base):
    """Another."""
    def told(self): ...
    def untold(self): ...
@dataclass
class Record:
    x: int
def function(): ...
def helper(): ...
'''
    module = types.ModuleType("made_up")
    monkeypatch.setitem(sys.modules, "made_up", module)
    exec(source, vars(module))
    assert undocumented(module, source) == ["Base.untold", "Base.silent", "Derived.untold", "Record", "function"]


# What importing does

#: Imports what its argument names and prints what that changed in the process.
PROBE = """
import faulthandler, json, locale, logging, os, signal, sys, threading, warnings

def state():
    loggers = logging.root.manager.loggerDict.items()
    return {
        "environment": dict(os.environ),
        "filters of warnings": [repr(entry) for entry in warnings.filters],
        "levels of logging": {name: logger.level for name, logger in loggers if hasattr(logger, "level")},
        "level of the root logger": logging.root.level,
        "handlers of logging": len(logging.root.handlers),
        "signals": [repr(signal.getsignal(number)) for number in signal.valid_signals()],
        "working folder": os.getcwd(),
        "search path": list(sys.path),
        "threads": threading.active_count(),
        "hooks": [repr(sys.excepthook), repr(sys.displayhook), repr(sys.stdout), repr(sys.stderr)],
    }

before, modules = state(), set(sys.modules)
__import__(sys.argv[1])
after = state()
changed = [name for name in before if before[name] != after[name]]
others = {name.split(".")[0] for name in set(sys.modules) - modules} - set(sys.stdlib_module_names) - {sys.argv[1]}
print(json.dumps([changed, sorted(others)]))
"""


def effects(module: str, folder: Path) -> tuple[list[str], list[str]]:
    """What importing a module changes, and what it imports besides Python's own library."""
    command = [sys.executable, "-c", PROBE, module]
    done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return tuple(json.loads(done.stdout))


def test_importing_the_library_imports_nothing_else_and_changes_nothing():
    assert effects("colorlib", ROOT) == ([], [])


@pytest.mark.parametrize(
    "source, changed, others",
    [
        ("import os\nos.environ['MADE_UP'] = '3'", ["environment"], []),
        ("import warnings\nwarnings.simplefilter('ignore')", ["filters of warnings"], []),
        ("import logging\nlogging.getLogger('x').setLevel('ERROR')", ["levels of logging"], []),
        ("import logging\nlogging.basicConfig()", ["handlers of logging"], []),
        ("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)", ["signals"], []),
        ("import os\nos.chdir('/')", ["working folder"], []),
        ("import sys\nsys.path.append('x')", ["search path"], []),
        ("import json, threadpoolctl", [], ["threadpoolctl"]),
    ],
)
def test_what_importing_changes_is_noticed(tmp_path, source, changed, others):
    (tmp_path / "made_up.py").write_text(source)
    assert effects("made_up", tmp_path) == (changed, others)


# Names


def test_every_model_is_called_as_it_is_registered():
    for name, (module, class_name) in MODELS.items():
        kind = model_class(name)
        assert kind.name == name and kind.__name__ == class_name
        assert class_name.lower() == name.replace("_", "")
        assert module in (name, "baselines") and kind.__module__ == f"colorlib.models.{module}"


def test_fit_takes_all_but_the_photos_by_keyword():
    for name in MODELS:
        _, photos, *others = inspect.signature(model_class(name).fit).parameters.values()
        assert photos.name == "photos" and {parameter.kind for parameter in others} <= {inspect.Parameter.KEYWORD_ONLY}


def test_every_model_is_registered():
    def kinds(of: type) -> set[type]:
        return {of}.union(*map(kinds, of.__subclasses__()))

    registered = {model_class(name) for name in MODELS}  # imports all of them
    library = {kind for kind in kinds(Colorizer) if kind.__module__.startswith("colorlib.")}
    assert {kind for kind in library if not inspect.isabstract(kind)} == registered
