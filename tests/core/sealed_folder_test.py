import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqlab.core.sealed_folder import MANIFEST, DamagedError, delete, new_part, publish, read_manifest, recover

REPOSITORY = Path(__file__).parents[2]


def seal(folder, name, contents, **said):
    part = new_part(folder, name)
    for path, content in contents.items():
        (part / path).parent.mkdir(exist_ok=True, parents=True)
        (part / path).write_bytes(content)
    return publish(part, said)


FILES = {"params/a": b"first", "params/deeper/b": b"second", "rest/c": b""}


def test_what_is_said_in_a_manifest_is_read_back_and_nothing_else_is_left(tmp_path):
    path = seal(tmp_path, "step_1", FILES, best=0.5, leaves={"a": "float32 (2,)"})
    assert read_manifest(path) == {"best": 0.5, "leaves": {"a": "float32 (2,)"}}
    assert [entry.name for entry in tmp_path.iterdir()] == ["step_1"]


def test_a_folder_that_is_sealed_again_has_the_new_files_alone(tmp_path):
    seal(tmp_path, "step_1", FILES, number=1)
    path = seal(tmp_path, "step_1", {"d": b"new"}, number=2)
    assert read_manifest(path) == {"number": 2}
    assert sorted(entry.name for entry in path.iterdir()) == ["d", MANIFEST]
    assert [entry.name for entry in tmp_path.iterdir()] == ["step_1"]


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("damage", ["removed", "emptied", "cut", "zeroed", "longer", "a folder"])
def test_a_file_that_was_changed_is_named(tmp_path, name, damage):
    path = seal(tmp_path, "step_1", {**FILES, "rest/c": b"third"}, number=1)
    content = (path / name).read_bytes()
    (path / name).unlink()
    if damage == "a folder":
        (path / name).mkdir()
    elif damage != "removed":
        changed = {"emptied": b"", "cut": content[:-3], "zeroed": bytes(len(content)), "longer": content + b"x"}
        (path / name).write_bytes(changed[damage])
    with pytest.raises(DamagedError, match=str(path / name)):
        read_manifest(path)


def test_only_the_files_that_are_asked_for_are_looked_at(tmp_path):
    path = seal(tmp_path, "step_1", FILES, number=1)
    (path / "rest" / "c").unlink()
    assert read_manifest(path, below="params/") == read_manifest(path, below=None) == {"number": 1}


@pytest.mark.parametrize("text", ["[]", "null", "{}", '{"content": {}, "files": [], "sha256": ""}', "[" * 100_000])
def test_a_manifest_that_is_something_else_is_damaged(tmp_path, text):
    path = seal(tmp_path, "step_1", FILES)
    (path / MANIFEST).write_text(text)
    with pytest.raises(DamagedError, match=MANIFEST):
        read_manifest(path)


def test_a_manifest_cannot_be_changed_without_a_trace(tmp_path):
    path = seal(tmp_path, "step_1", FILES, best=0.5)
    found = json.loads((path / MANIFEST).read_text())
    found["content"]["best"] = 0.25
    (path / MANIFEST).write_text(json.dumps(found))
    with pytest.raises(DamagedError, match="the file was changed"):
        read_manifest(path)


def test_what_was_killed_while_it_was_deleted_or_replaced_is_cleared_up(tmp_path):
    path = seal(tmp_path, "step_1", FILES, number=1)
    os.replace(path, tmp_path / "replaced_step_1")
    (tmp_path / "part_deleted_step_0").mkdir()
    recover(tmp_path)
    assert read_manifest(path) == {"number": 1}
    seal(tmp_path, "step_2", FILES)
    delete(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["step_2"]


# A process that seals one folder after another, says so once it has, and keeps the last two; it needs no jax.
SEALING = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from seqlab.core.sealed_folder import delete, new_part, publish
folder = Path(sys.argv[1])
number = max([int(path.name[5:]) for path in folder.glob("step_*")], default=0)
while True:
    again = number % 3 == 2 and number
    number += not again
    part = new_part(folder, f"step_{number}")
    for name in range(5):
        (part / str(name)).write_bytes(bytes([number % 256]) * 1000)
    publish(part, {"number": number})
    print(number, flush=True)
    for path in sorted(folder.glob("step_*"), key=lambda path: int(path.name[5:]))[:-2]:
        delete(path)
    if again:
        number += 1
"""


@pytest.mark.parametrize("num_kills", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_a_process_that_is_killed_while_it_seals_loses_nothing_that_it_has_told(tmp_path, num_kills):
    rng = random.Random(num_kills)
    cut = 0
    for _ in range(num_kills):
        command = [sys.executable, "-S", "-c", SEALING, str(tmp_path), str(REPOSITORY)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            told = [process.stdout.readline()]
            time.sleep(rng.uniform(0.0, 0.05))
            process.kill()
            told += process.stdout.read().splitlines()
        cut += any(not path.name.startswith("step_") for path in tmp_path.iterdir())
        recover(tmp_path)
        sealed = {int(path.name[5:]): read_manifest(path)["number"] for path in tmp_path.glob("step_*")}
        assert all(number == said for number, said in sealed.items())
        assert max(sealed) >= max(int(number) for number in told)
    print(f"\n{num_kills} kills, {cut} of them within a write, none lost a folder")
