"""Session files: what goes in comes out; what is damaged is refused in one line; what fails leaves the old file whole."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import session
from engine.choice import Problem
from engine.objectives import Score, StochasticInterpolant
from engine.objectives.times import LogitNormalTime
from engine.objectives.weights import SNR, One, Steady
from engine.session import Session
from engine.tensors import pack
from tests.engine.session_files import Members, edit_head, rewritten, small_session


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("session") / "whole.pushforward"
    session.save(small_session(), path)
    return path


def test_what_is_saved_is_loaded(whole: Path) -> None:
    before, after = small_session(), session.load(whole)
    assert after.experiment == before.experiment
    assert (after.scene, after.model, after.device, after.seconds, after.step) == (before.scene, "exact", "cpu", 1.5, 7)
    assert before.state is not None
    assert after.state is not None
    for name in ("weights", "ema", "first", "second"):
        assert np.array_equal(getattr(after.state, name), getattr(before.state, name)), name
        getattr(after.state, name)[0] = 0.0  # writable, as training needs it
    assert [checkpoint.step for checkpoint in after.checkpoints] == [2, 5]
    assert np.array_equal(after.checkpoints[1].ema, before.checkpoints[1].ema)
    assert np.array_equal(after.losses, before.losses)
    assert {"python", "numpy", "torch"} <= set(after.versions)


def test_words_for_times_and_weights_of_older_files_are_understood(whole: Path, tmp_path: Path) -> None:
    def older(members: Members) -> None:
        head = json.loads(members["session.json"])
        head["experiment"]["objective"] = {"type": "score", "time": "logit-normal", "weight": "snr"}
        members["session.json"] = json.dumps(head).encode()

    loaded = session.load(rewritten(whole, tmp_path / "older.pushforward", older))
    assert loaded.experiment.objective == Score(time=LogitNormalTime(), weight=SNR())


def test_velocity_and_noise_of_older_files_had_no_weight(whole: Path, tmp_path: Path) -> None:
    def older(members: Members) -> None:
        head = json.loads(members["session.json"])
        head["experiment"] |= {"path": {"type": "interpolant"}, "objective": {"type": "interpolant"}}
        members["session.json"] = json.dumps(head | {"step": None, "checkpoints": []}).encode()
        for name in [name for name in members if name.endswith(".safetensors")]:
            del members[name]

    loaded = session.load(rewritten(whole, tmp_path / "older.pushforward", older))
    assert loaded.experiment.objective == StochasticInterpolant(weight=One())
    assert StochasticInterpolant().weight == Steady()


def test_a_session_without_training(tmp_path: Path) -> None:
    path = tmp_path / "bare.pushforward"
    session.save(Session(experiment=small_session().experiment), path)
    loaded = session.load(path)
    assert not loaded.trained
    assert loaded.step == 0
    assert loaded.scene is None
    assert loaded.losses.shape == (0, 2)


def test_the_file_is_a_plain_zip_without_pickle(whole: Path) -> None:
    with zipfile.ZipFile(whole) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    digest = next(name for name in names if name.startswith("arrays/"))
    expected = {"session.json", "scene.json", "losses.npy", "weights.safetensors", "optimiser.safetensors"}
    assert names == expected | {"checkpoints/2.safetensors", "checkpoints/5.safetensors", digest}


def test_the_same_session_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    session.save(small_session(), tmp_path / "again.pushforward")
    assert (tmp_path / "again.pushforward").read_bytes() == whole.read_bytes()


def npy(values: object, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values), **options)
    return buffer.getvalue()


def flat(whole: Path) -> np.ndarray:
    state = session.load(whole).state
    assert state is not None
    return state.weights


def array_name(members: Members) -> str:
    return next(name for name in members if name.startswith("arrays/"))


def put(name: str, data: bytes) -> Callable[[Members, Path], None]:
    return lambda members, _whole: members.__setitem__(name, data)


def head(**changes: object) -> Callable[[Members, Path], None]:
    return lambda members, _whole: edit_head(members, **changes)


def with_nan(members: Members, whole: Path) -> None:
    bad = flat(whole)
    bad[3] = np.nan
    members["weights.safetensors"] = pack({"weights": bad, "ema": flat(whole)})


def too_short(members: Members, whole: Path) -> None:
    members["weights.safetensors"] = pack({"weights": flat(whole)[:-1], "ema": flat(whole)})


def double(members: Members, whole: Path) -> None:
    members["checkpoints/2.safetensors"] = pack({"ema": flat(whole).astype(np.float64)[: len(flat(whole)) // 2]})


def other_array(members: Members, _whole: Path) -> None:
    members[array_name(members)] = npy(np.zeros((20, 2)))


def object_array(members: Members, _whole: Path) -> None:
    members[array_name(members)] = npy(np.array([{}, None], dtype=object), allow_pickle=True)


def huge_header(members: Members, _whole: Path) -> None:
    members["losses.npy"] = npy(np.zeros((1, 2))).replace(b"(1, 2)", b"(9999999999, 2)"[:6].ljust(6)).replace(b"(99999", b"(9,  2")


def lying_header(members: Members, _whole: Path) -> None:
    members["losses.npy"] = npy(np.zeros((1, 2))).replace(b"(1, 2), ", b"(77, 2),")


def negative_moments(members: Members, whole: Path) -> None:
    members["optimiser.safetensors"] = pack({"first": flat(whole), "second": -np.abs(flat(whole)) - 1})


def without(name: str) -> Callable[[Members, Path], None]:
    return lambda members, _whole: members.__delitem__(name) if name != "arrays" else members.__delitem__(array_name(members))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (head(version=3), "newer Pushforward"),
        (head(version=0), "no session version 0"),
        (head(format="other"), "not that of a Pushforward session"),
        (head(step=-1), "-1 training steps"),
        (head(checkpoints=[5, 2]), "impossible checkpoints"),
        (head(threads=99), "threads"),
        (head(more=1), "unknown field"),
        (head(model="other"), "session.json cannot be read"),
        (head(experiment={"path": {"type": "condot"}, "target": {"type": "points"}}), "the experiment cannot be read"),
        (head(experiment={"path": {"type": "ot", "sigma_min": 9.0}}), "sigma_min"),
        (head(experiment={"objective": {"type": "v"}}), "variance preserving"),
        (put("session.json", b"{"), "session.json cannot be read"),
        (put("session.json", b"\xff\xfe"), "session.json cannot be read"),
        (put("session.json", b"[" * 100_000), "session.json cannot be read"),
        (put("../evil.npy", b""), "unsafe name"),
        (put("/etc/evil", b""), "unsafe name"),
        (put("arrays/../../evil.npy", b""), "unsafe name"),
        (put("arrays\\evil.npy", b""), "unsafe name"),
        (put("C:evil", b""), "unsafe name"),
        (put("evil.py", b"import os"), "does not have"),
        (with_nan, "NaN or Inf"),
        (too_short, "the network has"),
        (double, "float64"),
        (negative_moments, "negative second moments"),
        (put("weights.safetensors", b"\x00" * 64), "weights.safetensors is damaged"),
        (put("weights.safetensors", b""), "weights.safetensors is damaged"),
        (other_array, "does not match its name"),
        (object_array, "Python objects"),
        (lying_header, "does not hold what its header says"),
        (put("losses.npy", b"hello"), "losses.npy is damaged"),
        (put("losses.npy", npy(np.zeros(3))), "table of steps"),
        (put("losses.npy", npy(np.full((1, 2), np.nan))), "table of steps"),
        (without("arrays"), "is not in the file"),
        (without("weights.safetensors"), "weights.safetensors is missing"),
        (without("session.json"), "session.json is missing"),
        (without("losses.npy"), "losses.npy is missing"),
    ],
)
def test_a_damaged_session_is_refused_in_one_line(whole: Path, tmp_path: Path, change: Callable[[Members, Path], None], said: str) -> None:
    bad = rewritten(whole, tmp_path / "bad.pushforward", lambda members: change(members, whole))
    with pytest.raises(Problem) as caught:
        session.load(bad)
    text = str(caught.value)
    assert text.startswith(f"{bad}: ")
    assert said in text
    assert "\n" not in text


def test_a_name_twice_is_refused(whole: Path, tmp_path: Path) -> None:
    bad = rewritten(whole, tmp_path / "bad.pushforward", lambda _members: None)
    with warnings.catch_warnings(), zipfile.ZipFile(bad, "a") as archive:
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of what is being done here
        archive.writestr("scene.json", b"{}")
    with pytest.raises(Problem, match="twice"):
        session.load(bad)


def test_a_member_of_ten_gigabytes_is_refused_before_it_is_unpacked(whole: Path, tmp_path: Path) -> None:
    """Once as a header says, and once as a bomb: 20 MB of zeros in 20 kB, where 16 MB are the most."""
    for name, real, said in [("losses.npy", 100, 10 * 10**9), ("scene.json", 20 << 20, 20 << 20)]:
        bad = tmp_path / "bomb.pushforward"
        with zipfile.ZipFile(whole) as source, zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in source.namelist():
                archive.writestr(member, source.read(member) if member != name else bytes(real))
            archive.getinfo(name).file_size = said  # the central directory is written on closing
        with pytest.raises(Problem, match=rf"{name}.* (10\.0 GB|20,971,520 bytes)"):
            session.load(bad)


def test_a_member_that_says_less_than_it_holds_is_refused(whole: Path, tmp_path: Path) -> None:
    bad = rewritten(whole, tmp_path / "bad.pushforward", lambda members: members.__setitem__("scene.json", b" " * 100_000))
    data = bytearray(bad.read_bytes())
    entry = data.rindex(b"scene.json") - 46
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    bad.write_bytes(bytes(data))
    with pytest.raises(Problem, match=r"scene\.json is damaged"):
        session.load(bad)


def test_what_is_no_session_at_all(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    for name, said in [
        ("text", "not a Pushforward session"),
        ("empty", "not a Pushforward session"),
        ("none", "no such file"),
        (".", "directory|Permission denied"),
    ]:
        with pytest.raises(Problem, match=said):
            session.load(tmp_path / name)


def load_or_problem(path: Path) -> tuple[str, Session | None]:
    try:
        return "", session.load(path)
    except Problem as problem:
        return str(problem), None


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_and_cut_bytes_raise_nothing_but_problems(whole: Path, tmp_path: Path, data: st.DataObject) -> None:
    """A quarter of the flips aim at the central directory, where no checksum guards what is said about the members."""
    content = bytearray(whole.read_bytes())
    directory = content.index(b"PK\x01\x02")
    for _ in range(data.draw(st.integers(0, 6), label="flips")):
        low = directory if data.draw(st.integers(0, 3)) == 0 else 0
        content[data.draw(st.integers(low, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans(), label="cut"):
        del content[data.draw(st.integers(0, len(content))) :]
    path = tmp_path / "fuzzed.pushforward"
    path.write_bytes(bytes(content))
    said, loaded = load_or_problem(path)
    assert "\n" not in said
    if loaded is not None and loaded.state is not None:
        assert np.isfinite(loaded.state.weights).all()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_fuzzed_members_under_right_checksums(whole: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Damage inside members that the zip's checksums do not see, so that every parser meets it."""

    def change(members: Members) -> None:
        name = data.draw(st.sampled_from(sorted(members)))
        content = bytearray(members[name])
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(st.integers(0, 255))
        members[name] = bytes(content)

    path = rewritten(whole, tmp_path / "fuzzed.pushforward", change)
    assert "\n" not in load_or_problem(path)[0]


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_saving_replaces_the_old_file_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "s.pushforward"
    session.save(small_session(1), path)
    path.chmod(0o640)
    session.save(small_session(2), path)
    assert session.load(path).step == 2
    assert only(tmp_path) == ["s.pushforward"]
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights there")
def test_saving_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "s.pushforward")
    session.save(small_session(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert session.load(tmp_path / "s.pushforward").step == 7


def test_a_folder_that_is_not_there_or_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No such file or directory"):
        session.save(small_session(), tmp_path / "none" / "s.pushforward")
    with pytest.raises(Problem, match="it is a folder"):
        session.save(small_session(), tmp_path)


SAVE_AT_LIMIT = """
import resource, signal, sys
from engine import session
from engine.choice import Problem
loaded = session.load(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    session.save(loaded, sys.argv[1])
except Problem as problem:
    print(problem)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes there")
def test_a_file_that_may_not_grow_leaves_the_old_one_whole(whole: Path, tmp_path: Path) -> None:
    """The system itself refuses to write past 2,000 bytes (RLIMIT_FSIZE, in a process of its own): EFBIG in the midst of the zip."""
    path = rewritten(whole, tmp_path / "s.pushforward", lambda _members: None)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", SAVE_AT_LIMIT, str(path)], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == f"{path}: cannot be written: File too large (the old file is untouched)"
    assert path.read_bytes() == before
    assert only(tmp_path) == ["s.pushforward"]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
def test_a_full_disk_leaves_the_old_file_whole(whole: Path, tmp_path: Path) -> None:
    """A real disk of 64 kB (tmpfs) that fills up while the new file is written: ENOSPC."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        path = rewritten(whole, disk / "s.pushforward", lambda _members: None)
        before = path.read_bytes()
        rng = np.random.default_rng(0)
        with pytest.raises(Problem, match=r"No space left on device \(the old file is untouched\)"):
            session.save(Session(experiment=small_session().experiment, losses=rng.normal(size=(10_000, 2))), path)
        assert path.read_bytes() == before
        assert only(disk) == ["s.pushforward"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(os.name == "nt", reason="folders have no such mode there")
def test_a_read_only_folder(whole: Path, tmp_path: Path) -> None:
    """As another user where the tests run as root, whom no mode stops."""
    code = "import os, sys; from pathlib import Path; from engine import session\n"
    code += "from engine.choice import Problem; import tests.engine.session_files as files\n"
    code += "session.save(files.small_session(), Path(sys.argv[2])); os.geteuid() or os.setuid(65534)\n"
    code += "try: session.save(files.small_session(), Path(sys.argv[1]))\nexcept Problem as problem: print(problem)\n"
    folder = tmp_path / "locked"
    folder.mkdir()
    path = rewritten(whole, folder / "s.pushforward", lambda _members: None)
    for parent in [tmp_path, *tmp_path.parents][:4]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    before = path.read_bytes()
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), str(tmp_path / "first")], capture_output=True, text=True, timeout=60, check=True
        )
    finally:
        folder.chmod(0o755)
    assert done.stdout.strip() == f"{path}: cannot be written: Permission denied (the old file is untouched)"
    assert path.read_bytes() == before
