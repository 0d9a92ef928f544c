"""Files to targets: what people have is read, what cannot be read is refused in one line that names the place."""

from __future__ import annotations

import io
import struct
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as pillow

from engine.choice import Problem
from engine.targets import Image, Points
from engine.targets.loading import load_target

DATA = Path(__file__).parents[1] / "data"


def table(folder: Path, text: str | bytes, name: str = "t.csv", **options: list[str]) -> Points:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    target = load_target(path, columns=options.get("columns"))
    assert isinstance(target, Points)
    return target


def refusal(folder: Path, text: str | bytes, name: str = "t.csv", **options: list[str]) -> str:
    with pytest.raises(Problem) as caught:
        table(folder, text, name, **options)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "shape", "columns"),
    [("dino", (142, 2), ("x", "y")), ("faithful", (272, 2), ("eruptions", "waiting")), ("quakes", (1000, 3), ("long", "lat", "depth"))],
)
def test_real_tables(name: str, shape: tuple[int, int], columns: tuple[str, ...]) -> None:
    target = load_target(DATA / f"{name}.csv")
    assert isinstance(target, Points)
    assert target.values.values.shape == shape
    assert target.axis_names == columns
    frame = target.frame()
    inner = frame.inward(target.values.values)
    assert np.allclose(inner.mean(axis=0), 0.0, atol=1e-9)
    assert np.allclose(inner.std(axis=0), 1.0)
    assert np.allclose(frame.outward(inner), target.values.values, rtol=1e-13)


@pytest.mark.parametrize(
    "text",
    [
        "1.5,2\n-3,4e1\n",
        "x,y\n1.5,2\n-3,4e1",
        "x;y\r\n1,5;2\r\n-3;4e1\r\n",
        "x;y\n1.5;2\n-3;40\n",
        "a\tb\n1.5\t2\n-3\t40\n",
        "a\tb\n1,5\t2\n-3\t40\n",
        "  1.5   2\n-3 40\n",
        "\ufeffx,y\n1.5,2\n-3,40\n",
        "# a comment\n\nx, y\n1.5, 2\n\n-3, 40\n\n",
        '"the x, wide","y"\n"1.5","2"\n"-3","40"\n',
        "x,y,\n1.5,2,\n-3,40,\n",
        "x,y\r1.5,2\r-3,40\r",
        "x,y\n1.5,2\n-3,40\n".encode("utf-16"),
        "größe,y\n1.5,2\n-3,40\n".encode("latin-1"),
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, text: str | bytes) -> None:
    assert np.array_equal(table(tmp_path, text).values.values, [[1.5, 2.0], [-3.0, 40.0]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x,y\n" + "1,2\n3,4\n" * 5 + "5,abc\n", "t.csv, row 12, column y: 'abc' is not a number"),
        ("x,y\n1,2\n\n3,nan\n", "t.csv, row 4, column y: nan is not a finite number"),
        ("x,y\n1,2\n-inf,3\n", "t.csv, row 3, column x: -inf is not a finite number"),
        ("1,2\n1e400,3\n", "t.csv, row 2, column 1: 1e400 is not a finite number"),
        ("x,y\n1,2\n1\n", "t.csv, row 3: 1 column where the others have 2"),
        ("x,y\n1,2\n1,2,3\n2,3\n", "t.csv, row 3: 3 columns where the others have 2"),
        ("x,y\n1,2\n1,\n3,4\n", "t.csv, row 3, column y: the cell is empty"),
        ("x\n1\n2\n", "t.csv has one column; a target needs two or three"),
        ("a,b,c,d,e\n1,2,3,4,5\n2,3,4,5,6\n", "5 columns (a, b, c, d, e): name two or three with columns=…"),
        ("1,2,3,4,5\n2,3,4,5,6\n", "t.csv has 5 columns: name two or three with columns=…"),
        ("x,y\n1,2\n", "has one row; a target needs at least two"),
        ("x,y\n1,2\n1,2\n", "all 2 rows are equal"),
        ("x,y\n1,2\n1,3\n", "column x: every row is 1"),
        ("x,y\n1,2\n1e300,3\n", "too large"),
        ("", "t.csv is empty"),
        ("\n \n", "no rows"),
        ("x,y\n", "no rows"),
        ("lorem ipsum dolor\nsit amet consectetur\n", "is not a number"),
        (b"\x00\x01\x02\x03", "neither a picture"),
        (b"x,y\n1,2\n" + b"3,4\n" * 400 + b"\x00", "not a text table"),
        (b"PK\x03\x04....", "archive"),
    ],
)
def test_tables_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    assert says in refusal(tmp_path, text)


def test_columns_by_name_and_number(tmp_path: Path) -> None:
    text = "name,x,y,z\nbob,1,2,9\nann,3,4,8\n"
    assert table(tmp_path, text, columns=["y", "X"]).values.values.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    assert table(tmp_path, text, columns=["y", "X"]).axis_names == ("y", "x")
    assert table(tmp_path, text, columns=["2", "4"]).axis_names == ("x", "z")
    assert "no column 'w'; there are name, x, y, z" in refusal(tmp_path, text, columns=["x", "w"])
    assert "two or three names" in refusal(tmp_path, text, columns=["x"])
    assert "twice" in refusal(tmp_path, text, columns=["x", "2"])
    assert "row 2, column name: 'bob'" in refusal(tmp_path, text, columns=["name", "x"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.tuples(*[st.floats(-1e12, 1e12)] * 3), min_size=2, max_size=12),
    width=st.sampled_from([2, 3]),
    delimiter=st.sampled_from([",", "\t", ";", " ", ", "]),
    header=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    comma=st.booleans(),
)
def test_round_trip_of_any_numbers(
    tmp_path: Path, values: list[tuple[float, ...]], width: int, delimiter: str, header: bool, ending: str, comma: bool
) -> None:
    """repr writes a float so that it reads back to the last bit, whatever the layout."""
    rows = np.array(values)[:, :width]
    spread = rows.max(axis=0) - rows.min(axis=0)
    if np.any(spread <= 1e-12 * np.abs(rows).max(axis=0)):
        rows[0] += 1.0 + np.abs(rows).max(axis=0)
    lines = [delimiter.join(repr(float(v)) for v in row) for row in rows]
    if comma and delimiter == ";":
        lines = [line.replace(".", ",") for line in lines]
    if header:
        lines.insert(0, delimiter.join("abc"[:width]))
    assert np.array_equal(table(tmp_path, ending.join(lines)).values.values, rows)


def test_a_million_rows_are_read_within_seconds(tmp_path: Path) -> None:
    block = "\n".join(f"{a:.5f},{b:.5f}" for a, b in np.random.default_rng(0).standard_normal((10_000, 2)))
    path = tmp_path / "million.csv"
    path.write_text("x,y\n" + "\n".join([block] * 100))
    start = time.perf_counter()
    target = load_target(path)
    assert time.perf_counter() - start < 10.0
    assert isinstance(target, Points)
    assert target.values.values.shape == (1_000_000, 2)
    with path.open("a") as file:
        file.write("\n1,z\n")
    with pytest.raises(Problem, match=r"million.csv, row 1000002, column y: 'z'"):
        load_target(path)


def npy(folder: Path, array: np.ndarray, cut: int | None = None) -> bytes:
    np.save(folder / "made.npy", array, allow_pickle=array.dtype.hasobject)
    return (folder / "made.npy").read_bytes()[:cut]


def test_npy(tmp_path: Path) -> None:
    values = np.arange(12.0).reshape(4, 3)
    for kind in ("f8", "f4", ">f8", "i2", "u1"):
        assert np.array_equal(table(tmp_path, npy(tmp_path, values.astype(kind)), "a.npy").values.values, values)
    assert np.array_equal(table(tmp_path, npy(tmp_path, np.asfortranarray(values)), "a.npy").values.values, values)
    assert table(tmp_path, npy(tmp_path, values), "a.npy", columns=["3", "1"]).values.values[0].tolist() == [2.0, 0.0]
    for array, says in [
        (np.array([{}, 1], dtype=object), "Python objects"),
        (values.astype(complex), "real numbers"),
        (np.array(["a", "b"]), "real numbers"),
        (values[:, 0], "one column"),
        (values[:, :1], "one column"),
        (values[None], "two axes"),
        (np.ones((3, 5)), "5 columns"),
        (np.array([[1.0, 2.0], [3.0, np.inf]]), "row 2, column 2: inf"),
        (np.zeros((0, 2)), "no rows"),
    ]:
        assert says in refusal(tmp_path, npy(tmp_path, array), "a.npy")
    assert "cut short" in refusal(tmp_path, npy(tmp_path, values, -8), "a.npy")
    assert "broken" in refusal(tmp_path, npy(tmp_path, values, 30), "a.npy")
    assert "content is text" in refusal(tmp_path, "1,2\n3,4\n", "a.npy")


def picture(folder: Path, image: pillow.Image, name: str = "p.png", **options: object) -> Image:
    image.save(folder / name, **options)
    target = load_target(folder / name)
    assert isinstance(target, Image)
    return target


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.webp"])
def test_picture_fills_its_box_with_y_up(tmp_path: Path, name: str) -> None:
    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    pixels[:8, :16] = 255
    target = picture(tmp_path, pillow.fromarray(pixels), name)
    x = target.sample(4000, np.random.default_rng(0))
    # JPEG and WebP leave a trace elsewhere
    assert np.mean((x[:, 0] < 0) & (x[:, 1] > 0)) > 0.98
    assert np.all(np.abs(x) <= [1.0, 0.5])


def test_channels(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 4), dtype=np.uint8)
    pixels[0, 0] = (255, 255, 255, 255)
    pixels[0, 1] = (0, 0, 0, 255)
    pillow.fromarray(pixels).save(tmp_path / "p.png")
    masses = {}
    for channel in ("brightness", "darkness", "alpha"):
        target = load_target(tmp_path / "p.png", channel=channel)  # type: ignore[arg-type]  # the loop's variable is a plain str
        assert isinstance(target, Image)
        masses[channel] = np.rint(target.mass(target.channel)).tolist()
    assert masses == {"brightness": [[1, 0], [0, 0]], "darkness": [[0, 1], [0, 0]], "alpha": [[1, 1], [0, 0]]}
    with pytest.raises(Problem, match="columns are for tables"):
        load_target(tmp_path / "p.png", columns=["x", "y"])
    with pytest.raises(Problem, match="a channel is for pictures"):
        load_target(DATA / "dino.csv", channel="alpha")


def test_modes(tmp_path: Path) -> None:
    deep = np.array([[0, 30_000], [65_535, 1]], dtype=np.uint16)
    target = picture(tmp_path, pillow.fromarray(deep))
    assert np.array_equal(target.pixels.values[:, :, 0], deep)
    palette = pillow.fromarray(np.array([[0, 1], [1, 2]], dtype=np.uint8), mode="P")
    palette.putpalette([0, 0, 0, 255, 255, 255, 255, 0, 0])
    assert np.allclose(picture(tmp_path, palette).mass("brightness"), [[0, 1], [1, 0.299]])
    assert picture(tmp_path, palette, transparency=1).mass("alpha").tolist() == [[1, 0], [0, 1]]
    assert picture(tmp_path, pillow.new("LA", (2, 2), (51, 255))).pixels.values.shape == (2, 2, 2)
    assert np.allclose(picture(tmp_path, pillow.new("1", (2, 2), 1)).mass("brightness"), 1.0)
    assert np.allclose(picture(tmp_path, pillow.new("CMYK", (8, 8), (0, 0, 0, 0)), "c.jpg").mass("brightness"), 1.0, atol=0.02)


def test_exif_orientation(tmp_path: Path) -> None:
    pixels = np.zeros((16, 32), dtype=np.uint8)
    pixels[:, :8] = 255
    exif = pillow.Exif()
    exif[0x0112] = 6
    target = picture(tmp_path, pillow.fromarray(pixels), "p.jpg", exif=exif)
    mass = target.mass("brightness")
    assert mass.shape == (32, 16)
    assert mass[:6].min() > 0.9
    assert mass[12:].max() < 0.1


def test_large_pictures_are_averaged_down(tmp_path: Path) -> None:
    fine = np.zeros((1024, 2048), dtype=np.uint8)
    fine[::2] = 200
    target = picture(tmp_path, pillow.fromarray(fine))
    assert target.pixels.values.shape == (256, 512, 1)
    assert np.all(target.pixels.values == 100)
    assert target.note == "reduced from 2,048 × 1,024 pixels to 512 × 256 cells"
    deep = np.zeros((1024, 16), dtype=np.uint16)
    deep[::2] = 40_000
    assert np.all(picture(tmp_path, pillow.fromarray(deep)).pixels.values == 20_000)


def test_pictures_refused(tmp_path: Path) -> None:
    def says(image: pillow.Image, channel: str | None = None) -> str:
        image.save(tmp_path / "p.png")
        with pytest.raises(Problem) as caught:
            load_target(tmp_path / "p.png", channel=channel)  # type: ignore[arg-type]  # a plain str in a test
        return str(caught.value)

    black = says(pillow.new("RGB", (4, 4)))
    assert black == "p.png has no brightness: every pixel is black; try channel=darkness"
    assert says(pillow.new("L", (4, 4), 255), "darkness") == "p.png has no darkness: every pixel is white; try channel=brightness"
    assert "no alpha channel" in says(pillow.new("L", (4, 4), 255), "alpha")
    assert says(pillow.new("LA", (4, 4), (0, 9))).endswith("try channel=darkness or channel=alpha")
    assert "black or transparent" in says(pillow.new("RGBA", (4, 4)))


def test_a_huge_picture_is_refused_before_decoding(tmp_path: Path) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, b"IDAT" + zlib.compress(b"x"))]
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    start = time.perf_counter()
    with pytest.raises(Problem, match=r"huge\.png is too large: 30,000 × 30,000 pixels"):
        load_target(tmp_path / "huge.png")
    assert time.perf_counter() - start < 1.0


def test_broken_and_misnamed_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for name in ("p.png", "p.jpg", "p.webp"):
        pillow.fromarray(noise).save(tmp_path / name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:400])
        with pytest.raises(Problem, match=f"{name} (is broken|cannot be read)"):
            load_target(tmp_path / name)
    assert "not a picture: its content is text" in refusal(tmp_path, "hello\n", "letter.png")
    pillow.fromarray(noise).save(tmp_path / "real.png")
    (tmp_path / "real.png").rename(tmp_path / "odd.csv")
    assert isinstance(load_target(tmp_path / "odd.csv"), Image)


def test_places_that_hold_no_file(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no such file"):
        load_target(tmp_path / "none.csv")
    with pytest.raises(Problem, match="is a folder"):
        load_target(tmp_path)


def _samples() -> list[bytes]:
    """One small file of each kind, to be damaged."""
    noise = np.random.default_rng(0).integers(0, 255, (12, 12, 4), dtype=np.uint8)
    files = []
    for kind, image in [("PNG", noise), ("PNG", noise[:, :, 0]), ("JPEG", noise[:, :, :3].copy()), ("WEBP", noise)]:
        stream = io.BytesIO()
        pillow.fromarray(image).save(stream, kind)
        files.append(stream.getvalue())
    stream = io.BytesIO()
    np.save(stream, np.arange(12.0).reshape(6, 2))
    return [*files, stream.getvalue(), b"x;y\n1,5;2\n3;4,5\n", b'"a","b"\n1,2\n3,4\n']


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sample=st.sampled_from(_samples()),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 4000),
    tail=st.binary(max_size=8),
)
def test_damaged_files_are_read_or_refused(tmp_path: Path, sample: bytes, changes: list[tuple[int, int]], cut: int, tail: bytes) -> None:
    """Whatever the bytes: a target or one line, nothing else."""
    data = bytearray(sample)
    for place, byte in changes:
        data[place % len(data)] = byte
    (tmp_path / "damaged").write_bytes(bytes(data[: max(1, cut)]) + tail)
    with warnings.catch_warnings():
        # Pillow warns of broken metadata and reads on
        warnings.simplefilter("ignore")
        message = ""
        try:
            target = load_target(tmp_path / "damaged")
        except Problem as problem:
            message = str(problem)
        else:
            assert np.isfinite(target.sample(3, np.random.default_rng(0))).all()
    assert "\n" not in message
