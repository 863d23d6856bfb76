"""What is wrong, where, and what was expected: one row per kind of damage and format."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from makespan.core.errors import FormatError
from makespan.io import files, read, read_text
from tests.io import samples
from tests.io.samples import SAMPLES

# Each case: the format, a text, the old and new piece of it, and what the message must say.
CASES: list[tuple[str, str, tuple[str, str], str]] = [
    ("jsplib", samples.JSPLIB, ("2 3\n", "3 3\n"), r"line 4: the text ends after 14 numbers; expected 20"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  2"), r"line 3: job 1 has 5 numbers; expected 6 \(3 pairs"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  2 x"), r"line 3: 'x' is not a whole number"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  2 2.5"), r"line 3: '2.5' is not a whole number"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  2 -2"), r"line 3: duration -2 is out of range; expected at least 0"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  3 2"), r"line 3: machine 3 is out of range; expected 0 to 2"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  1 2"), r"line 3: job 1 visits machine 1 twice"),
    ("jsplib", samples.JSPLIB, ("1 5\n", "1 5\n7\n"), r"line 5: 1 number too many; expected the end"),
    ("jsplib", samples.JSPLIB, ("2 3\n", "2 3 4\n"), r"line 2: the header has 3 numbers; expected 2"),
    ("jsplib", samples.JSPLIB, ("2 3\n", "0 3\n"), r"line 2: header number .* 0 is out of range"),
    ("jsplib", samples.JSPLIB, ("2 3\n", "1000000000 1000000000\n"), r"expected 2000000000 \(1000000000 pairs"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  2 99999999999999999999"), r"line 3: a number is too large"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  2 2-"), r"line 3: '2-' is not a whole number"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2  2 ²"), r"line 3: '²' is not a whole number"),
    ("jsplib", samples.JSPLIB, ("1 2  2 2", "1 2\u00a02 2"), r"line 3: .* is not a whole number"),
    ("taillard", samples.TAILLARD, ("  3  1  2\n", "  3  1  1\n"), r"line 8: job 2 visits a machine twice"),
    ("taillard", samples.TAILLARD, ("  3  1  2\n", "  3  1  0\n"), r"line 8: machine 0 is out of range; expected 1 to 3"),
    ("taillard", samples.TAILLARD, ("  4  1  5\n", "  4  1\n"), r"line 5: row 2 of Times has 2 numbers; expected 3"),
    ("taillard", samples.TAILLARD, ("  4  1  5\n", "  4  1 -5\n"), r"line 5: duration -5"),
    ("taillard", samples.TAILLARD, ("Machines\n  1  2  3\n  3  1  2\n", ""), r"line 2: the matrix 'Machines' .*is missing"),
    ("taillard", samples.TAILLARD_BARE, ("3 1 2\n", "3 1 3\n"), r"line 5: job 2 visits a machine twice"),
    ("flowshop", samples.FLOWSHOP, ("  1  2  3\n", ""), r"line 4: the text ends after 3 numbers; expected 6"),
    ("flowshop", samples.FLOWSHOP, ("  1  2  3\n", "  1  2  3  4\n"), r"line 5: row 2 .* has 4 numbers; expected 3"),
    ("flowshop", samples.FLOWSHOP_PAIRS, ("0 6 1 2", "1 6 0 2"), r"line 3: job 2 leaves the common route"),
    ("openshop", samples.OPENSHOP, ("1 2 3", "1 2"), r"line 3: job 2 has 2 numbers; expected 3 durations"),
    ("openshop", samples.OPENSHOP, ("1 2 3", "1 2 -3"), r"line 3: duration -3"),
    ("openshop", samples.OPENSHOP_TAILLARD, ("  2  3  1\n", "  2  2  1\n"), r"line 8: job 2 visits a machine twice"),
    ("fjsplib", samples.FJSPLIB, ("1  1 3 7", "1  1 4 7"), r"line 3: machine 4 is out of range; expected 1 to 3"),
    ("fjsplib", samples.FJSPLIB, ("1  1 3 7", "1  1 0 7"), r"line 3: machine 0 is out of range"),
    ("fjsplib", samples.FJSPLIB, ("2 1 5 3 4", "2 1 5 1 4"), r"line 2: operation 1 lists machine 1 twice"),
    ("fjsplib", samples.FJSPLIB, ("1  1 3 7", "1  0 3 7"), r"line 3: operation 1 of job 2 has 0 alternatives"),
    ("fjsplib", samples.FJSPLIB, ("1  1 3 7", "0"), r"line 3: job 2 has 0 operations"),
    ("fjsplib", samples.FJSPLIB, ("1  1 3 7", "1  1 3"), r"line 3: the text ends within the last operation"),
    ("fjsplib", samples.FJSPLIB, ("2 3 1.5", "2 1000000000 1.5"), r"line 1: 1000000000 machines for \d+ numbers"),
    ("fjsplib", samples.FJSPLIB, ("2 3 1.5", "1000000000 3 1.5"), r"expected 1000000003 for 1000000000 jobs"),
    ("fajsp", samples.FAJSP, ("1 2\n2 0", "2 0\n2 0"), r"line 4: operation 0 is on or behind a cycle; expected an acyclic graph"),
    ("fajsp", samples.FAJSP, ("1 2\n2 0", "0 2\n2 0"), r"line 4: precedence 0 2 is listed twice"),
    ("fajsp", samples.FAJSP, ("1 2\n2 0", "1 4\n2 0"), r"line 4: operation 4 is out of range; expected 0 to 3"),
    ("fajsp", samples.FAJSP, ("1 1 5", "1 2 5"), r"line 6: machine 2 is out of range; expected 0 to 1"),
    ("fajsp", samples.FAJSP, ("1 1 5", "2 1 5"), r"line 6: operation 1 claims 2 alternatives in a line of 3"),
    ("dct", samples.DCT, ("2 8 -1 -1", "2 8 -1"), r"line 3: an odd number of numbers"),
    ("dct", samples.DCT, ("2 8 -1 -1", "2 8"), r"line 3: the text ends after 1 end marks '-1 -1'; expected 2"),
    ("dct", samples.DCT, ("2 8 -1 -1", "-1 -1"), r"line 3: job 2 has no operations"),
    ("dct", samples.DCT, ("2 8 -1 -1", "2 8 -1 -1 1 1"), r"line 3: numbers after the end of job 2"),
    ("bel", samples.BEL, ("2 8 1 1", "2 8 1"), r"line 3: job 2 has 3 numbers; expected pairs"),
    ("bel", samples.BEL, ("2 8 1 1", "3 8 1 1"), r"line 3: machine 3 is out of range; expected 0 to 2"),
    ("bel", samples.BEL, ("2 8 1 1\n", ""), r"line 3: 2 lines of numbers after the header; expected 3 jobs"),
    ("patterson", samples.PATTERSON, ("0 0 0 2 2 3", "0 0 0 2 2 5"), r"line 5: successor 5 is out of range; expected 1 to 4"),
    ("patterson", samples.PATTERSON, ("0 0 0 2 2 3", "0 0 0 2 2 2"), r"line 5: activity 1 lists successor 2 twice"),
    ("patterson", samples.PATTERSON, ("5 1 2 1 4", "5 1 2 1 3"), r"line 7: activity 3 is on or behind a cycle"),
    ("patterson", samples.PATTERSON, ("5 1 2 1 4", "5 1 -2 1 4"), r"line 7: demand -2 is out of range"),
    ("patterson", samples.PATTERSON, ("3 2\n", "3 -2\n"), r"line 3: capacity -2 is out of range"),
    ("patterson", samples.PATTERSON, ("4 2\n", "999999999 2\n"), r"expected 4000000000 for 999999999 activities"),
    ("patterson", samples.PATTERSON, ("0 0 0 0\n", "0 0 0 0 9\n"), r"line 8: 1 number too many"),
    ("psplib-sm", samples.SM, ("RESOURCEAVAILABILITIES", "AVAILABLE"), r"no section RESOURCEAVAILABILITIES"),
    ("psplib-sm", samples.SM, ("    3    2\n", "    3\n"), r"line 34: the text ends after 1 numbers; expected 2"),
    ("psplib-sm", samples.SM, ("   3        1          1           4", "   3        1          1           5"), r"line 21: successor 5"),
    ("psplib-sm", samples.SM, ("   3        1  ", "   2        1  "), r"line 21: found activity 2; expected activity 3"),
    ("psplib-sm", samples.SM, ("  3      1     5       1    2", "  3      2     5       1    2"), r"line 29: activity 3: found mode 2; expected mode 1"),
    ("psplib-sm", samples.SM, ("renewable                 :  2", "renewable                 :  3"), r"line 30: the text ends after 20 numbers; expected 24 for durations"),
    ("psplib-sm", samples.SM, ("doubly constrained        :  0", "doubly constrained        :  1"), r"line 11: doubly constrained"),
    ("psplib-sm", samples.SM, (":  4\n", ":  999999999\n"), r"expected 2999999997 for the successors"),
    ("psplib-sm", samples.SM, ("R 1  R 2\n---", "N 1  R 2\n---"), r"the columns read N R; expected 2 renewable"),
    ("psplib-sm", samples.SM, ("jobs (incl. supersource/sink ):  4\n", ""), r"does not state the number of jobs"),
    ("psplib-mm", samples.MM, ("         2     9       1    5\n", ""), r"line 28: the text ends after 15 numbers; expected 19"),
    ("progen-max", samples.PROGEN_MAX, ("[5]\t[-3]", "[5]"), r"line 4: 1 lags in brackets; expected 2"),
    ("progen-max", samples.PROGEN_MAX, ("[5]", "[]"), r"line 4: the lag \[\]; expected one number"),
    ("progen-max", samples.PROGEN_MAX, ("3\t1\t[5]", "9\t1\t[5]"), r"line 4: successor 9 is out of range; expected 0 to 3"),
    ("progen-max", samples.PROGEN_MAX, ("2\t2\t0\t0", "2\t2\t0\t1"), r"line 1: doubly constrained"),
    ("progen-max", samples.PROGEN_MAX, ("[5]", "[5"), r"line 4: not a line of successors"),
    ("progen-max", samples.PROGEN_MAX, ("2\t2\t0\t0", "900000000\t2\t0\t0"), r"line 10: 9 lines after the header; expected 900000002"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "change", "message"),
    CASES,
    ids=[f"{case[0]}-{k}" for k, case in enumerate(CASES)],
)
def test_damage_is_named_with_line_and_expectation(
    name: str, text: str, change: tuple[str, str], message: str
) -> None:
    """Reading a damaged text says which line is wrong and what the format wants there."""
    damaged = text.replace(*change, 1)
    assert damaged != text
    with pytest.raises(FormatError, match=message) as caught:
        read_text(damaged, source="dir/file", format=name)
    assert str(caught.value).startswith("dir/file")


PACKED = gzip.compress(b"1 1\n0 5\n", mtime=0)
NO_TEXT: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b" \n\t\n", "empty"),
    "mark alone": (b"\xef\xbb\xbf", "empty"),
    "NUL": (b"2 3\n0 1\x00 2", r"line 2: a NUL byte: this is a binary file"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "NUL byte"),
    "damaged gzip": (PACKED[:-8] + bytes(8), "damaged gzip"),
    "truncated gzip": (PACKED[:-4], "gzip file is truncated"),
    "gzip and rubbish": (PACKED + b"\0\0rubbish", "damaged gzip"),
    "damaged UTF-16": (b"\xff\xfe\x31\x00\x20\xd8", "damaged UTF-16"),
    "Latin-1 JSON": (b'{"format": "makespan-problem", "name": "\xff"}', "not valid UTF-8"),
}


@pytest.mark.parametrize(("raw", "message"), NO_TEXT.values(), ids=NO_TEXT)
def test_bytes_that_are_no_text(raw: bytes, message: str) -> None:
    """Binary and damaged files are refused with a reason."""
    with pytest.raises(FormatError, match=message):
        read_text(raw, source="file")


@pytest.mark.parametrize("form", ["jsplib", "fjsplib", "fajsp", "bel", "dct", "progen-max"])
def test_comments_alone_are_no_instance(form: str) -> None:
    """A text that holds nothing but comments is refused, not indexed."""
    with pytest.raises(FormatError, match="line 1: there are only comments"):
        read_text("# nothing\n#2 2\n", format=form)


def test_headings_alone_are_no_instance() -> None:
    """Words without numbers are refused."""
    with pytest.raises(FormatError, match="there are no numbers; expected jobs and machines"):
        read_text("processing times :\n", format="flowshop")


def test_encodings_of_comments_do_not_matter() -> None:
    """UTF-8 and Latin-1 comments, UTF-16 with a mark, old Mac line ends and Ctrl-Z are fine."""
    text = "# größe\n" + SAMPLES["jsplib"][1]
    wanted = read_text(text)
    for raw in (
        text.encode("utf-8-sig"),
        text.encode("latin-1"),
        text.encode("utf-16"),
        text.replace("\n", "\r").encode(),
        text.encode() + b"\x1a",
        gzip.compress(text.encode()),
        gzip.compress(text[:12].encode()) + gzip.compress(text[12:].encode()),
    ):
        assert read_text(raw) == wanted


def test_text_beyond_the_size_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compressed file cannot unpack to more than the limit."""
    monkeypatch.setattr(files, "SIZE_LIMIT", 1000)
    with pytest.raises(FormatError, match="larger than 1000 bytes"):
        read_text(gzip.compress(b"0 " * 1000))
    with pytest.raises(FormatError, match="larger than 1000 bytes"):
        read_text(gzip.compress(b"0 " * 400) * 1000)
    with pytest.raises(FormatError, match="larger than 1000 bytes"):
        read(io.BytesIO(b"0 " * 1000))


def test_stream_in_another_encoding(tmp_path: Path) -> None:
    """A text stream that cannot be decoded is a format error too."""
    path = tmp_path / "latin.txt"
    path.write_bytes("# ö\n1 1\n0 5\n".encode("latin-1"))
    with path.open(encoding="utf-8") as stream, pytest.raises(FormatError, match="not valid utf-8"):
        read(stream)


def test_missing_file_is_an_operating_system_error(tmp_path: Path) -> None:
    """What is wrong with the path rather than with the content keeps its own error."""
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent.txt")
