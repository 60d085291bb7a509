"""The rooms know only those below them, and the library does not know Snakemake."""

import ast
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[3] / "scripts/dashsearch"
GROUND = {
    *("errors", "faults", "files", "hdf5", "jobs", "own_code", "progress", "provenance"),
    *("ranking", "seeds", "strict", "tables", "torchvision_shim"),
}
ARROWS = {
    "space": set(),
    "clips": set(),
    "ledger": {"space"},
    "search": {"space", "ledger"},
    "factorial": {"space", "ledger"},
    "exports": {"space", "ledger"},
    "features": {"clips"},
    "training": {"features", "space", "ledger"},
    "analysis": {"ledger", "space", "factorial"},
    "report": {"analysis"},
    "config": {"clips", "factorial", "search", "space"},
}
MODULES = sorted(LIBRARY.rglob("*.py"))


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name, not relatively"
            yield node.module


def room_of(path):
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def test_the_picture_of_the_rooms_shows_these_arrows():
    page = (LIBRARY.parents[1] / "docs/architecture.md").read_text()
    picture = page.split("```mermaid")[1].split("```")[0]
    drawn = {
        tuple(line.split(" --> ")) for line in map(str.strip, picture.splitlines()) if ">" in line
    }
    assert drawn == {(room, other) for room, others in ARROWS.items() for other in others}


def test_every_folder_of_the_library_is_a_room_of_the_plan():
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders <= set(ARROWS)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(LIBRARY)))
def test_imports_follow_the_arrows(path):
    room = room_of(path)
    allowed = GROUND | {room} | ARROWS.get(room, set())
    for module in imported_modules(path):
        assert module.split(".")[0] != "snakemake", f"{path} imports snakemake"
        parts = module.split(".")
        if parts[0] == "dashsearch" and len(parts) > 1:
            assert parts[1] in allowed, f"{path}: {room} may not import {module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(LIBRARY)))
def test_no_file_is_longer_than_a_reader_can_hold(path):
    assert len(path.read_text().splitlines()) <= 400


def users_of(library):
    return {
        str(path.relative_to(LIBRARY))
        for path in MODULES
        if library in {module.split(".")[0] for module in imported_modules(path)}
    }


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("numba", "training/kernels/"),
        ("optuna", ("search/policies/optuna_search.py", "exports/")),
        ("smac", "search/policies/forest.py"),
        ("ConfigSpace", ("search/policies/forest.py", "exports/")),
        ("anthropic", "search/agents/anthropic_api.py"),
        ("google", "search/agents/google_api.py"),
        ("llguidance", "search/agents/causal_model.py"),
    ],
)
def test_a_heavy_library_is_imported_in_one_place(library, home):
    assert users_of(library)
    assert all(user.startswith(home) for user in users_of(library))


def test_torch_is_imported_only_where_it_computes():
    homes = (
        "training/",
        "features/networks/",
        "search/agents/causal_model.py",
        "torchvision_shim.py",
    )
    assert all(user.startswith(homes) for user in users_of("torch"))
