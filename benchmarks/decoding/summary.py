"""The tables of README.md, made from results.json."""

import json
from pathlib import Path
from typing import Any

from damage import DAMAGES
from run_damage import WHOLE, damage_table
from run_memory import memory_table
from run_speed import table as speed_table
from run_storage import table as storage_table
from setting import HERE, RESULTS

START, END = "<!-- results -->", "<!-- end of results -->"
KINDS = {
    "embedded": "embedded (256x144, 8 s)",
    "gop30": "1280x720, 40 s, a key picture a second",
    "gop250": "1280x720, 40 s, a key picture every 8.3 s",
}


def short_table(results: dict[str, Any]) -> str:
    """Make the table of a few lines that the main README shows."""
    lines = [
        "| Clips | exact | windows/s to the fastest other (CPU) | to PyAV, whole file (CPU) |",
        "|---|---:|---:|---:|",
    ]
    for kind, found in results["speed"]["kinds"].items():
        exact = found["exactness"]["dashsearch"]
        fast, full = (
            "{:.2f}x ({:.2f}x)".format(
                *(found[f"{clock}_ratio_to_{what}"]["median"] for clock in ("wall", "cpu"))
            )
            for what in ("fastest", "full")
        )
        fastest = found["wall_ratio_to_fastest"]["competitor"]
        lines.append(
            f"| {KINDS[kind]} | {exact['exact']} of {exact['instants']} | "
            f"{fast}, {fastest} | {full} |"
        )
    lines += ["", "| Besides | |", "|---|---|", *_facts(results)]
    return "\n".join(lines) + "\n"


def _facts(results: dict[str, Any]) -> list[str]:
    """Make a line each of memory, damage and storage."""
    lines = []
    for kind, found in results["memory"]["kinds"].items():
        fewest, *_, most = found["peak_mb"]
        ratio = found["ratio_most_to_fewest"]
        lines.append(f"| Peak memory, {most} clips to {fewest} ({kind}) | {ratio:.2f}x |")
    seen = results["damage"]["found"]
    right = sum(was.get(kind, 0) for kind, was in seen.items() if kind != WHOLE)
    damaged = sum(sum(was.values()) for kind, was in seen.items() if kind != WHOLE)
    exact = results["damage"]["whole_and_exact"]
    whole = sum(seen[WHOLE].values())
    lines += [
        f"| Damaged clips marked right, of {len(DAMAGES)} kinds | {right} of {damaged} |",
        f"| Whole clips among them decoded, every frame exact | {exact} of {whole} |",
    ]
    for name, found in results["storage"]["materials"].items():
        ours, raw = found["ways"]["dashsearch"], found["ways"]["raw file"]
        parts = (
            f"{what} {ours[key]['median']:.1f} GB/s, {ours[key]['median'] / raw[key]['median']:.0%}"
            for what, key in (
                ("sequential", "read_sequential_wall_gbs"),
                ("random", "read_random_wall_gbs"),
            )
        )
        lines.append(f"| Windows read back, {name} px (to raw file reads) | {'; '.join(parts)} |")
    return lines


def full_tables(results: dict[str, Any]) -> str:
    """Make all tables of this folder's README."""
    parts = []
    if {"speed", "memory", "damage", "storage"} <= set(results):
        parts += ["### In short", short_table(results)]
    if "speed" in results:
        parts += ["### Speed", _made(results["speed"])]
        for kind, found in results["speed"]["kinds"].items():
            parts.append(speed_table(KINDS[kind], found))
    if "memory" in results:
        parts += ["### Memory", _made(results["memory"])]
        parts.append(memory_table(results["memory"]["kinds"]))
    if "damage" in results:
        parts += ["### Damage", _made(results["damage"]), damage_table(results["damage"])]
    if "storage" in results:
        parts += ["### Storage", _made(results["storage"])]
        for name, found in results["storage"]["materials"].items():
            # Chunks of many frames, which are slower at random, are in results.json only.
            short = {way: row for way, row in found["ways"].items() if "20 a chunk" not in way}
            parts.append(storage_table(name, short))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _made(section: dict[str, Any]) -> str:
    device = section["device"]
    return (
        f"{section['date']}; {device['cpu']}, {device['cores']} cores; "
        f"load at the end {device['load_1min']}."
    )


def update(readme: Path, results: dict[str, Any]) -> None:
    """Put the tables between the marks of a README."""
    before, rest = readme.read_text().split(START)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{START}\n\n{full_tables(results)}\n{END}{after}")


if __name__ == "__main__":
    found = json.loads(RESULTS.read_text())
    update(HERE / "README.md", found)
    print(short_table(found))
