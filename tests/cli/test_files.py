"""Output files: refused before the work if they cannot be written, else written whole."""

import os
import stat
from pathlib import Path

import pytest

from makespan.cli._files import check_target, check_targets, write_text
from makespan.core.errors import OptionError


def test_a_directory_is_no_output(tmp_path: Path) -> None:
    """A directory in place of a file is refused with the option's name."""
    with pytest.raises(OptionError, match=r"--json: .* is a directory"):
        check_target(str(tmp_path), "--json")


def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    """Nobody learns after an hour that a folder was missing."""
    with pytest.raises(OptionError, match="there is no directory") as caught:
        check_target(str(tmp_path / "none" / "a.json"), "--json")
    assert f"mkdir -p {tmp_path / 'none'}" in str(caught.value)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    """The parent must be a directory."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="there is no directory"):
        check_target(str(tmp_path / "file" / "a.json"), "--json")


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither the target nor a probe exists after a check that passed."""
    check_target(str(tmp_path / "a.json"), "--json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    """Permission is checked by writing, before the work begins."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OptionError, match="cannot write"):
            check_target(str(tmp_path / "a.json"), "--json")
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_is_noticed_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe is written to the same file system, so that lack of space shows."""
    real = Path.open

    def full(self: Path, *args: object, **kwargs: object) -> object:
        if self.name.endswith(".probe"):
            raise OSError(28, "No space left on device")
        return real(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OptionError, match="No space left on device"):
        check_target(str(tmp_path / "a.json"), "--json")


def test_two_outputs_may_not_share_a_file_or_standard_output(tmp_path: Path) -> None:
    """The second would overwrite the first, whatever the spelling of the path."""
    one = tmp_path / "a"
    with pytest.raises(OptionError, match="--html and --svg would both write"):
        check_targets({"--html": str(one), "--svg": f"{tmp_path}/../{tmp_path.name}/a"})
    with pytest.raises(OptionError, match="standard output"):
        check_targets({"--json": "-", "--csv": "-"})
    check_targets({"--json": "-", "--csv": None, "--svg": str(one)})


def test_writing_replaces_the_file_and_keeps_its_permissions(tmp_path: Path) -> None:
    """A private file stays private; no temporary file stays."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o600)
    write_text(str(path), "new é\n", "--csv")
    assert path.read_text(encoding="utf-8") == "new é\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk fills while writing, the previous file is untouched and nothing else remains."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("makespan.cli._files.os.fsync", full)
    with pytest.raises(OptionError, match=r"--csv: cannot write .*No space left"):
        write_text(str(path), "new", "--csv")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_symbolic_link_keeps_pointing_to_the_file_that_is_written(tmp_path: Path) -> None:
    """The target is replaced, not the link."""
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    write_text(str(link), "new", "--csv")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_device_is_written_in_place() -> None:
    """What is no regular file is written to, not replaced."""
    check_target("/dev/null", "--csv")
    write_text("/dev/null", "text", "--csv")
    assert not Path("/dev/null").is_file()


def test_standard_output_ends_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A dash is standard output, and the text ends with a line feed."""
    write_text("-", "text", "--csv")
    assert capsys.readouterr().out == "text\n"
