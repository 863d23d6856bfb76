"""Formats are told by content; the file name only breaks ties."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from makespan.core.errors import FormatError, OptionError
from makespan.io import FormatRegistry, ProblemFormat, detect, formats, read, read_text, registry
from tests.io.samples import SAMPLES


@pytest.mark.parametrize("layout", SAMPLES)
def test_samples_are_detected(layout: str) -> None:
    """Every layout is recognised without a name, also with CRLF, tabs and a byte order mark."""
    wanted, text = SAMPLES[layout]
    assert detect(text) == wanted
    variant = "\ufeff" + text.replace("\n", "\r\n").replace("  ", "\t ")
    if wanted != "json":
        variant += "\r\n \r\n"
    assert detect(variant) == wanted
    assert read_text(variant, source="x") == read_text(text, source="x")


def test_square_matrix_is_an_open_shop_unless_the_name_says_flow_shop() -> None:
    """A bare square matrix fits both; the ending .fsp decides, and format= is always obeyed."""
    text = "2 2\n1 2\n3 4\n"
    assert detect(text) == "openshop"
    assert read_text(text, source="a.txt").precedences.count == 0
    assert read_text(text, source="a.fsp").precedences.count == 2
    assert read_text(text, source="a.fsp.gz").precedences.count == 2
    assert read_text(text, format="flowshop").precedences.count == 2
    assert read_text(text, source="a.fsp", format="openshop").precedences.count == 0


def test_rectangular_matrix_is_told_by_its_shape() -> None:
    """n rows of m are an open shop, m rows of n a flow shop."""
    assert detect("2 3\n1 2 3\n4 5 6\n") == "openshop"
    assert detect("2 3\n1 2\n3 4\n5 6\n") == "flowshop"


@pytest.mark.parametrize("text", ["hello world\n", "<html></html>", "1\n", "- - -", "a,b\n1,2\n"])
def test_unknown_text_says_what_is_known(text: str) -> None:
    """The message shows how the text starts and lists the formats."""
    with pytest.raises(FormatError, match="no known format fits.*expected one of json, jsplib"):
        read_text(text)


GRID = "3 3\n0 1 1 2 2 3\n1 4 0 5 2 6\n2 7 1 8 0 9\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GRID.replace("2 7 1 8 0 9", "2 7 1 8 0"), r"line 4: job 3 has 5 numbers; expected 6"),
        (
            GRID.replace("2 7 1 8 0 9", "2 7 1 8"),
            r"line 4: job 3 has 4 numbers; expected 6 .*'bel'",
        ),
        (GRID.replace("1 4 0 5", "1 4"), r"line 3: job 2 has 4 numbers; expected 6"),
        (GRID.replace("1 4 0 5", "1 4 1 5"), r"line 3: job 2 visits machine 1 twice.*'bel'"),
        (GRID.replace("3 3\n", "3 2\n"), r"line 2: job 1 has 6 numbers; expected 4"),
        (GRID.replace("3 3\n", "2 3\n"), r"line 4: 6 numbers too many"),
        (GRID.replace("3 3\n", "4 3\n"), r"line 4: the text ends after 20 numbers; expected 26"),
        (GRID.replace(" 8 ", " 8; "), r"line 4: '8;' is not a whole number"),
        (GRID.replace(" ", ","), r"line 1: '3,3' is not a whole number"),
        (GRID + "end\n", r"line 5: 'end' is not a whole number"),
    ],
)
def test_damaged_job_shop_is_not_taken_for_one_with_other_rules(text: str, message: str) -> None:
    """One bad line among full routes is an error, not a job that skips or repeats machines."""
    with pytest.raises(FormatError, match=message):
        read_text(text)


def test_jobs_that_skip_machines_are_read_when_asked_for() -> None:
    """format= reads as ragged what detection takes for damage; two full routes decide nothing."""
    text = GRID.replace("2 7 1 8 0 9", "2 7 1 8")
    assert read_text(text, format="bel").tasks.count == 8
    assert read_text("2 3\n0 1 1 2 2 3\n1 4 0 5\n").tasks.count == 5


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"PK\x03\x04\x00\x00", "this is a ZIP archive or an office document; expected plain"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS .*git lfs pull"),
        (b'{"instance": "ft06"}', "another kind of JSON; expected 'makespan-problem'"),
        (b"{\\rtf1 text}", "no known format fits"),
    ],
)
def test_files_of_another_kind_are_named(raw: bytes, message: str) -> None:
    """What people mistake for an instance is called by its name."""
    with pytest.raises(FormatError, match=message):
        read_text(raw)


def test_damaged_file_is_read_as_what_its_name_says() -> None:
    """If the content speaks for nothing, the ending picks the reader that explains the damage."""
    with pytest.raises(FormatError, match="line 1.*activities and resources"):
        read_text("12\n", source="a.rcp")


def test_truncated_texts_are_still_recognised() -> None:
    """Without the last line the right reader complains, not the detection."""
    for layout, (wanted, text) in SAMPLES.items():
        lines = text.rstrip("*\n ").split("\n")
        shorter = "\n".join(lines[:-1]) + "\n"
        with pytest.raises(FormatError, match=".") as caught:
            read_text(shorter, source=f"x{formats().get(wanted).extensions[:1]}")
        assert "no known format" not in str(caught.value), (layout, str(caught.value))


def test_registry_refuses_a_second_format_of_one_name() -> None:
    """Duplicates are errors, for plug-ins too."""
    form = ProblemFormat("mine", "a test", (), lambda text: 0.0, lambda text: None)  # type: ignore[arg-type,return-value]
    mine = FormatRegistry([form])
    assert "mine" in mine
    assert len(mine) == 1
    with pytest.raises(OptionError, match="'mine' is already registered"):
        mine.register(form)


class _Point:
    """A fake entry point."""

    name = value = "mine"

    def __init__(self, item: object) -> None:
        self._item = item

    def load(self) -> object:
        return self._item


def test_other_packages_add_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format from an entry point is used for reading and writing like a built-in one."""
    known = read_text("1 1\n0 5\n")
    form = ProblemFormat(
        name="shout",
        description="a test",
        extensions=(".shout",),
        sniff=lambda text: float(text.body.startswith("SHOUT")),
        read=lambda text: known,
        write=lambda problem: "SHOUT\n",
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: [_Point(form)])
    formats.cache_clear()
    try:
        assert detect("SHOUT 1") == "shout"
        assert read_text("SHOUT 1") is known
        monkeypatch.setattr(registry, "entry_points", lambda group: [_Point(object())])
        formats.cache_clear()
        with pytest.raises(OptionError, match=r"mine of makespan\.formats is not a format"):
            formats()
    finally:
        formats.cache_clear()


def test_unknown_format_name_lists_the_known_ones() -> None:
    """A misspelt format= is an option error, not a guess."""
    with pytest.raises(OptionError, match=r"no format 'jsp' \(known formats: json, jsplib"):
        read_text("1 1\n0 5\n", format="jsp")


def test_streams_and_gzip(tmp_path: Path) -> None:
    """Open text and binary files and gzip are read like paths; the label is the file's name."""
    text = SAMPLES["jsplib"][1]
    wanted = read_text(text, source="tiny.txt")
    plain, packed = tmp_path / "tiny.txt", tmp_path / "tiny.txt.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    assert read(plain) == wanted
    assert read(str(packed)) == wanted
    with plain.open() as stream:
        assert read(stream) == wanted
    with plain.open("rb") as stream:
        assert read(stream) == wanted
    assert read(io.StringIO(text)).name == "stream"
    assert read(io.BytesIO(text.encode())).tasks == wanted.tasks


def test_large_job_shop_is_built_from_arrays() -> None:
    """A 300 x 300 job shop round trips through its text with every number in place."""
    rng = np.random.default_rng(1)
    machine = np.argsort(rng.random((300, 300)), axis=1)
    table = np.stack((machine, rng.integers(1, 99, (300, 300))), axis=2).reshape(300, -1)
    text = "300 300\n" + "\n".join(" ".join(map(str, row)) for row in table.tolist())
    problem = read_text(text)
    assert np.array_equal(problem.modes.duration.reshape(300, 300), table[:, 1::2])
    assert np.array_equal(problem.modes.demand_resource.reshape(300, 300), machine)
    assert problem.tasks.names[90_000 - 1] == "J300.300"
