"""What must not be called anywhere: pickles of others, unsafe YAML, shells, archives unpacked."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = [*sorted((ROOT / "scripts").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
FORBIDDEN = {
    *("eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "joblib.load"),
    *(
        "yaml.unsafe_load",
        "yaml.full_load",
        "yaml.load_all",
        "tarfile.open",
        "shutil.unpack_archive",
    ),
    *("zipfile.ZipFile", "marshal.loads", "dill.load", "dill.loads", "pd.read_pickle"),
}
# Writes file by file what stays in the folder: tests/unit/exports/test_bundle.py.
ALLOWED = {("scripts/dashsearch/exports/bundle.py", "zipfile.ZipFile")}


def name_of(node):
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def calls_in(path):
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def given(call, keyword):
    found = [each.value for each in call.keywords if each.arg == keyword]
    return ast.unparse(found[0]) if found else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_runs_what_data_say_is_called(path):
    for call in calls_in(path):
        name, where = name_of(call), f"{path}:{call.lineno}"
        if (str(path.relative_to(ROOT)), name) not in ALLOWED:
            assert name not in FORBIDDEN, f"{where} calls {name}"
        assert not name.endswith("extractall"), f"{where} unpacks an archive as it is"
        assert given(call, "shell") in (None, "False"), f"{where} starts a shell"
        assert given(call, "allow_pickle") in (None, "False"), f"{where} reads pickles"
        assert given(call, "trust_remote_code") in (None, "False"), f"{where} runs others' code"
        if name == "torch.load":
            assert given(call, "weights_only") == "True", f"{where} loads more than weights"
        if name == "yaml.load":
            assert given(call, "Loader") == "_LineLoader", f"{where} names another loader"


def test_the_loader_of_spaces_is_a_safe_one():
    text = (ROOT / "scripts/dashsearch/space/files.py").read_text()
    assert "class _LineLoader(yaml.SafeLoader)" in text


def test_no_rule_holds_a_shell_command():
    for path in (ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))):
        assert "shell:" not in path.read_text(), path


def test_files_are_written_through_the_one_helper():
    """HDF5 is opened for writing in one place, and nothing is copied or saved to a final name."""
    for path in sorted((ROOT / "scripts").rglob("*.py")):
        for call in calls_in(path):
            if name_of(call) == "h5py.File" and ast.unparse(call.args[1]) != "'r'":
                assert path.name == "hdf5.py", f"{path}:{call.lineno}"
            if name_of(call) in ("shutil.copytree", "shutil.copyfile", "open"):
                modes = [ast.unparse(each) for each in call.args[1:2]]
                is_write = name_of(call) == "open" and modes and modes[0][1] in "wx"
                assert not is_write, f"{path}:{call.lineno} writes in place"


def test_only_one_module_reads_secrets():
    for path in sorted((ROOT / "scripts").rglob("*.py")):
        if path.name != "secrets.py":
            assert "_API_KEY" not in path.read_text() or "environ" not in path.read_text(), path
