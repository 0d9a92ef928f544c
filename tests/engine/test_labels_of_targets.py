"""Labels of targets: parts that add up to the whole, layers of paint, a column of a table."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import session
from engine.arrays import Array, encode_array
from engine.choice import Problem
from engine.cli import train
from engine.experiment import Experiment
from engine.overrides import target_from
from engine.randomness import generator
from engine.reflow import digest_of_ends
from engine.session import Session
from engine.targets import SHAPES, EightGaussians, Image, Mixture, Painting, Points, TargetBase
from engine.targets.loading import load_target
from engine.targets.raster import from_raster


def two_blobs() -> Painting:
    """Blue at the left with three times the ink of orange at the right."""
    ink = np.zeros((2, 64, 64), dtype=np.float32)
    ink[0, 24:40, 8:20] = 0.75
    ink[1, 24:40, 44:56] = 0.25
    return from_raster(ink)


def labelled_points() -> Points:
    rng = generator(3, "points")
    labels = rng.integers(3, size=400)
    values = rng.standard_normal((400, 2)) * 0.3 + 2.0 * np.stack([labels, labels**2], axis=1)
    return Points(values=Array(values), bandwidth=0.1, labels=Array(labels), names=("a", "b", "c"))


LABELLED = [*[shape() for shape in SHAPES if shape().classes], Mixture(), two_blobs(), labelled_points()]


@pytest.mark.parametrize("target", LABELLED, ids=lambda target: target.name)
def test_the_parts_are_the_whole(target: TargetBase) -> None:
    """log p(x) = log sum_k w_k p(x|k) to 1e-9 on draws of the whole, and as many names and weights as parts."""
    classes = target.labelled()
    assert classes is not None
    assert 2 <= target.classes == len(classes.names) == len(classes.weights) == len(set(classes.colours)) <= 8
    assert classes.weights.sum() == pytest.approx(1.0, abs=1e-12)
    x = target.sample(500, generator(0, "whole"))
    with np.errstate(divide="ignore"):
        logs = np.stack([np.log(w) + part.log_prob(x) for w, part in zip(classes.weights, classes.parts, strict=True)])
    assert np.logaddexp.reduce(logs) == pytest.approx(target.log_prob(x), abs=1e-9)


@pytest.mark.parametrize("target", LABELLED, ids=lambda target: target.name)
def test_labelled_draws_have_the_weights_and_the_means(target: TargetBase) -> None:
    """n = 20,000, seed 1: shares within 4.5 standard errors of the weights, means of each part within 4.5 of its own."""
    n = 20_000
    x, labels = target.sample_labelled(n, generator(1, "labelled"))
    classes = target.labelled()
    assert classes is not None
    assert x.shape == (n, target.dimension)
    for k, (weight, part) in enumerate(zip(classes.weights, classes.parts, strict=True)):
        rows = x[labels == k]
        assert abs(len(rows) / n - weight) < 4.5 * np.sqrt(weight * (1 - weight) / n)
        error = np.sqrt(np.diagonal(part.covariance()) / len(rows))
        assert np.all(np.abs(rows.mean(axis=0) - part.mean()) < 4.5 * error)
        assert np.allclose(target.of_class(k).mean(), part.mean())


def test_what_has_no_parts_says_so() -> None:
    for target in (EightGaussians(modes=12), EightGaussians(modes=1), from_raster(np.ones((8, 8)))):
        assert target.classes == 0
        assert target.label_names == ()
        assert "carries no labels" in str(target.label_refusal())
        with pytest.raises(Problem, match="no labels"):
            target.sample_labelled(3, generator(0, "x"))
    image = Image(pixels=Array(np.full((4, 4, 1), 200, dtype=np.uint8)))
    assert image.label_refusal()
    with pytest.raises(Problem, match="no label 9"):
        EightGaussians().of_class(8)


# ---- painting -------------------------------------------------------------------------------------------------------


def test_a_painting_in_colours() -> None:
    target = two_blobs()
    assert target.label_names == ("blue", "orange")
    classes = target.labelled()
    assert classes is not None
    assert classes.weights == pytest.approx([0.75, 0.25])
    x, labels = target.sample_labelled(2000, generator(0, "x"))
    assert np.array_equal(x[:, 0] > 0, labels == 1)
    chosen = Painting(raster=target.raster, colours=(2, 6))
    assert chosen.label_names == ("green", "red")
    assert np.allclose(target.density().weights, from_raster(target.raster.values.sum(axis=0)).density().weights)


def test_labels_of_a_painting_have_names() -> None:
    """One for each of the eight colours, so that a colour keeps its name while it has no ink; the law is the same."""
    target = two_blobs()
    called = msgspec.structs.replace(target, colours=(2, 6), names=("", "", "healthy", "unused", "", "", "ill"))
    assert called.label_names == ("healthy", "ill")
    assert called.unnamed() == msgspec.structs.replace(target, colours=(2, 6))
    assert called.unnamed().label_names == ("green", "red")
    assert target.unnamed() is target
    assert digest_of_ends(Experiment(target=called)) == digest_of_ends(Experiment(target=called.unnamed()))
    assert digest_of_ends(Experiment(target=called)) != digest_of_ends(Experiment(target=target))
    for names, says in (
        (("a", "a"), "two labels are called 'a'"),
        (("orange",), "two labels are called 'orange'"),
        (("x" * 41,), "at most 40 characters"),
        (("two\nlines",), "one line"),
    ):
        with pytest.raises(Problem, match=says):
            msgspec.structs.replace(target, names=names)


def test_the_digest_of_a_painting_is_what_it_was() -> None:
    """Of the sessions that were written before labels had names: pairs of Reflow still belong to their painting."""
    target = two_blobs()
    old = msgspec.to_builtins(target, enc_hook=encode_array)
    assert list(old)[-1] == "names"
    text = msgspec.json.encode([{"type": "gaussian"}, {name: value for name, value in old.items() if name != "names"}])
    assert digest_of_ends(Experiment(target=target)) == hashlib.sha256(text).hexdigest()[:16]


@pytest.mark.parametrize(
    ("ink", "colours", "says"),
    [
        (np.ones((9, 4, 4)), (), "at most 8 labels"),
        (np.stack([np.ones((4, 4)), np.zeros((4, 4))]), (), "holds no ink"),
        (np.ones((2, 4, 4)), (0,), "as many different colours"),
        (np.ones((2, 4, 4)), (3, 3), "as many different colours"),
        (np.ones((2, 4, 4)), (0, 8), "as many different colours"),
        (np.zeros((2, 4, 4)), (), "empty: paint something"),
        (np.ones((1, 2, 4, 4)), (), "two axes"),
    ],
)
def test_paintings_refused(ink: np.ndarray, colours: tuple[int, ...], says: str) -> None:
    with pytest.raises(Problem, match=says):
        Painting(raster=Array(ink.astype(np.float32)), colours=colours)


@pytest.mark.parametrize(
    "target",
    [
        Painting(raster=two_blobs().raster, colours=(1, 5)),
        Painting(raster=two_blobs().raster, names=("left", "right", "later")),
        labelled_points(),
        from_raster(np.eye(16)),
    ],
)
def test_labels_survive_a_session_file(target: Painting | Points, tmp_path: Path) -> None:
    path = tmp_path / "s.pushforward"
    session.save(Session(experiment=Experiment(target=target)), path)
    again = session.load(path).experiment.target
    assert again == target
    assert again.label_names == target.label_names
    assert again.classes == target.classes


def test_a_painting_of_one_colour_is_written_as_before() -> None:
    text = msgspec.json.encode(from_raster(np.eye(4)), enc_hook=lambda array: {"array": array.digest})
    assert set(msgspec.json.decode(text)) == {"type", "standardise", "raster", "box", "colours", "names"}
    assert from_raster(np.eye(4)).raster.values.shape == (4, 4)


# ---- tables ---------------------------------------------------------------------------------------------------------


def table(folder: Path, text: str, *, columns: list[str] | None = None, label: str | None = None) -> Points:
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    target = load_target(path, columns=columns, label=label)
    assert isinstance(target, Points)
    return target


def labels_of(target: Points) -> list[str]:
    assert target.labels is not None
    return [target.names[k] for k in target.labels.values]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("x,y,kind\n1,2,b\n3,4,a\n5,7,b\n", {"label": "kind"}),
        ("x,kind,y\n1,b,2\n3,a,4\n5,b,7\n", {"label": "KIND"}),
        ("kind;x;y\nb;1,0;2\na;3;4\nb;5;7\n", {"label": "1"}),
        ("1,2,b\n3,4,a\n5,7,b\n", {"label": "3"}),
        ("x,y,Label\n1,2,b\n3,4,a\n5,7,b\n", {}),
        ("x,y,class\n1,2,b\n3,4,a\n5,7,b\n", {}),
        ('x\ty\tlabel\n1\t2\t"b"\n3\t4\ta\n5\t7\tb\n', {}),
        ("id,x,y,kind\n9,1,2,b\n8,3,4,a\n7,5,7,b\n", {"label": "kind", "columns": ["x", "y"]}),
    ],
)
def test_a_column_of_words(tmp_path: Path, text: str, options: dict[str, str]) -> None:
    target = table(tmp_path, text, **options)
    assert target.values.values.tolist() == [[1, 2], [3, 4], [5, 7]]
    assert labels_of(target) == ["b", "a", "b"]
    assert target.names == ("a", "b")
    assert target.classes == 2


def test_a_column_of_numbers(tmp_path: Path) -> None:
    target = table(tmp_path, "x,y,k\n1,2,10\n3,4,2\n5,7,2.0\n6,6,-1\n", label="k")
    assert target.names == ("-1", "2", "10")
    assert labels_of(target) == ["10", "2", "2", "-1"]
    deep = table(tmp_path, "x,y,z,label\n1,2,3,0\n3,4,5,1\n5,7,7,1\n")
    assert deep.dimension == 3
    assert labels_of(deep) == ["0", "1", "1"]
    # a column called class that cannot be labels stays a coordinate
    many = table(tmp_path, "x,y,class\n" + "".join(f"{k},{k * k},{k}\n" for k in range(12)))
    assert many.dimension == 3
    assert many.labels is None


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("x,y,k\n1,2,a\n3,4,\n5,7,b\n", {"label": "k"}, "row 3, column k: the label is empty"),
        ("x,y,k\n1,2,a\n3,4,a\n", {"label": "k"}, "column k: every row has the label 'a'; labels need at least two"),
        (
            "x,y,k\n" + "".join(f"{k},{k},w{k}\n" for k in range(9)),
            {"label": "k"},
            "column k: more than 8 different labels (w0, w1, w2, w3, …)",
        ),
        ("x,y,class\n" + "".join(f"{k},{k},w{k}\n" for k in range(2000)), {}, "column class: more than 8 different labels"),
        ("x,y,k\n1,2,a\n3,4,b\n", {"label": "species"}, "no column 'species'; there are x, y, k"),
        ("x,y,k\n1,2,a\n3,4,b\n", {"label": "k", "columns": ["x", "k"]}, "column k is asked for as a coordinate and as the label"),
        ("x,k\n1,a\n3,b\n", {"label": "k"}, "one column beside the labels"),
        ("x,y,k\n1,2,a\n3,4\n5,6,b\n", {"label": "k"}, "row 3: 2 columns where the others have 3"),
        ("a,b,c,d,k\n1,2,3,4,u\n1,2,3,5,v\n", {"label": "k"}, "name two or three with columns="),
        ("x,y,label\n1,b,a\n3,4,b\n", {}, "row 2, column y: 'b' is not a number"),
    ],
)
def test_labels_refused(tmp_path: Path, text: str, options: dict[str, str], says: str) -> None:
    with pytest.raises(Problem) as caught:
        table(tmp_path, text, **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "t.csv" in str(caught.value)


WORDS = (
    st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs", "P", "S")), min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda word: word and word[0] not in "#'" and not set(word) & set(',;"'))
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(words=st.lists(WORDS, min_size=2, max_size=7, unique=True), seed=st.integers(0, 1000))
def test_any_words_come_back_as_labels(tmp_path: Path, words: list[str], seed: int) -> None:
    """Property: a label column is read as it was written, whatever the words; rows of equal words share a label."""
    rng = generator(seed, "rows")
    rows = ["a word", *words, *rng.choice(words, size=10).tolist()]
    values = rng.standard_normal((len(rows), 2))
    text = "x,y,kind\n" + "".join(f"{a!r},{b!r},{word}\n" for (a, b), word in zip(values.tolist(), rows, strict=True))
    target = table(tmp_path, text, label="kind")
    assert target.labels is not None
    assert np.array_equal(target.values.values, values)
    assert [target.names[k] for k in target.labels.values] == rows
    assert target.names == tuple(sorted(set(rows), key=lambda word: (word.casefold(), word)))


def test_an_array_with_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    rows = np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 7.0], [5.0, 7.0, 5.0]])
    np.save(path, rows)
    target = load_target(path, label="3")
    assert isinstance(target, Points)
    assert target.values.values.tolist() == rows[:, :2].tolist()
    assert labels_of(target) == ["5", "7", "5"]
    assert load_target(path).dimension == 3


def test_the_command_line_takes_a_label_column(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y,kind\n1,2,b\n3,4,a\n5,7,b\n", encoding="utf-8")
    assert target_from("t.csv", folder=tmp_path, label="kind").classes == 2
    out = str(tmp_path / "s.pushforward")
    assert train.main(["--target", str(path), "--label", "colour", "--out", out]) == 2
    assert "no column 'colour'" in capfd.readouterr().err
    assert train.main(["--target", "moons", "--label", "kind", "--out", out]) == 2
    assert "label columns are for files" in capfd.readouterr().err
