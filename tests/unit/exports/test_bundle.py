"""A bundle holds what it says, and whatever was done to it is found."""

import hashlib
import json
import zipfile

import pytest
from rocrate.rocrate import ROCrate

from dashsearch.errors import InputError
from dashsearch.exports.bundle import MANIFEST, METADATA, environment, verify_bundle, write_bundle
from dashsearch.files import file_digest

FACTS = {
    "name": "A campaign",
    "description": "of a test",
    "date": "2026-11-29",
    "licence": "CC0-1.0",
}


@pytest.fixture
def parts(tmp_path):
    files = {
        "config.yaml": "seed: 1\n",
        "results/report/index.html": "<p>report</p>\n",
        "results/tiny/arms/random/seed1/ledger.parquet": "PAR1",
        "recordings/tiny/a reply.json": "{}\n",
    }
    for name, text in files.items():
        path = tmp_path / "campaign" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {name: tmp_path / "campaign" / name for name in files}


@pytest.fixture
def bundle(parts, tmp_path):
    write_bundle(tmp_path / "bundle.zip", parts, FACTS)
    return tmp_path / "bundle.zip"


def rewrite(bundle, change):
    """The bundle's files after `change`, zipped anew."""
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_every_file_is_there_with_its_checksum_and_its_description(bundle, parts, tmp_path):
    assert verify_bundle(bundle) == len(parts) + 1  # and the description
    with zipfile.ZipFile(bundle) as archive:
        assert set(archive.namelist()) == {*parts, METADATA, MANIFEST}
        archive.extractall(tmp_path / "there")
    for name, path in parts.items():
        assert (tmp_path / "there" / name).read_bytes() == path.read_bytes()
        line = f"{file_digest(path)}  {name}\n"
        assert line in (tmp_path / "there" / MANIFEST).read_text()
    crate = ROCrate(tmp_path / "there")
    assert (crate.name, crate.license) == ("A campaign", "CC0-1.0")
    page = crate.dereference("results/report/index.html")
    assert page["encodingFormat"] == "text/html"
    assert page["sha256"] == file_digest(parts["results/report/index.html"])
    run = crate.dereference("#campaign")
    assert {each.id for each in run["result"]} == {n for n in parts if n.startswith("results/")}
    assert run["instrument"]["name"] == "dashsearch"


def test_equal_parts_give_equal_bytes(bundle, parts, tmp_path):
    write_bundle(tmp_path / "again.zip", dict(reversed(parts.items())), FACTS)
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda f: f.update({"config.yaml": b"seed: 2\n"}),
            "config.yaml differs from its checksum",
        ),
        (
            lambda f: f.pop("config.yaml"),
            "config.yaml is missing, but manifest-sha256.txt lists it",
        ),
        (lambda f: f.update({"more.txt": b""}), "more.txt is not in manifest-sha256.txt"),
        (lambda f: f.update({"../out.txt": b""}), r"\.\./out.txt leads out of the bundle"),
        (lambda f: f.pop(MANIFEST), "has no manifest-sha256.txt"),
        (lambda f: f.pop(METADATA), "has no ro-crate-metadata.json"),
    ],
)
def test_what_was_done_to_it_is_a_sentence(bundle, change, sentence):
    rewrite(bundle, change)
    with pytest.raises(InputError, match=sentence):
        verify_bundle(bundle)


def test_damaged_data_is_a_sentence(bundle):
    with zipfile.ZipFile(bundle) as archive:
        entry = max(archive.infolist(), key=lambda each: each.compress_size)
    content = bytearray(bundle.read_bytes())
    begin = entry.header_offset + 30 + len(entry.filename)
    content[begin : begin + 40] = b"\xff" * 40
    bundle.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be unpacked: .*; fetch it again"):
        verify_bundle(bundle)


def test_a_file_that_the_description_leaves_out_is_found(bundle):
    def forget(files):
        document = json.loads(files[METADATA])
        graph = [each for each in document["@graph"] if each["@id"] != "config.yaml"]
        content = json.dumps({**document, "@graph": graph}).encode()
        old = next(line for line in files[MANIFEST].decode().splitlines() if METADATA in line)
        files[METADATA] = content
        new = f"{hashlib.sha256(content).hexdigest()}  {METADATA}"
        files[MANIFEST] = files[MANIFEST].decode().replace(old, new).encode()

    rewrite(bundle, forget)
    with pytest.raises(InputError, match=r"config.yaml is not in ro-crate-metadata.json"):
        verify_bundle(bundle)


def test_what_is_no_archive_is_a_sentence(tmp_path):
    (tmp_path / "bundle.zip").write_text("no archive")
    with pytest.raises(InputError, match="cannot be unpacked"):
        verify_bundle(tmp_path / "bundle.zip")


def test_the_environment_names_every_package():
    found = environment()
    assert found["packages"]["rocrate"] == "0.16.0"
    assert {"dashsearch", "python", "platform"} < set(found)
