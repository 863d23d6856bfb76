"""Every format: recognised by content, read to the very numbers, wrong lines named."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest

from makespan.core.errors import FormatError, OptionError
from makespan.io.text import Text
from makespan.serving.workload import Slo
from makespan.serving.workloads import read_recorded_run, read_workload, write_workload
from makespan.serving.workloads.llmservingsim import recorded_run
from makespan.serving.workloads.reading import FORMATS, detect
from makespan.serving.workloads.servegen import client, generate
from tests.serving.workloads import samples
from tests.serving.workloads.loads import same, shared

NS, US, MS, S = 10**3, 10**6, 10**9, 10**12


class TestContent:
    def test_azure_2023_has_hundreds_of_nanoseconds(self):
        """Azure 2023 has hundreds of nanoseconds."""
        load = read_workload(samples.AZURE_2023)
        assert load.arrival.tolist() == [0, 100 * NS, 52_000_000 * NS]
        assert load.prompt.tolist() == [4808, 110, 3180]
        assert load.output.tolist() == [10, 27, 8]

    def test_azure_2024_has_zones_and_may_leave_out_the_fraction(self):
        """Azure 2024 has zones and may leave out the fraction."""
        load = read_workload(samples.AZURE_2024)
        # 02:00:00.5 two hours east is midnight and a half in UTC.
        assert load.arrival.tolist() == [0, 990_070 * US, 1_490_070 * US]
        assert load.output.tolist() == [5, 6, 15]

    def test_mooncake_keeps_the_names_of_full_blocks(self):
        """Mooncake keeps the names of full blocks."""
        load = read_workload(samples.MOONCAKE)
        assert load.arrival.tolist() == [0, 27482 * MS, 30535 * MS]
        assert (load.prompt.tolist(), load.output.tolist()) == ([1030, 1024, 500], [50, 1, 12])
        assert load.grain == 512
        assert [load.contents(r).tolist() for r in range(3)] == [[0, 1], [0, 3], []]

    def test_bailian_renames_blocks_so_that_a_name_implies_those_before(self):
        """Bailian renames blocks so that a name implies those before."""
        load = read_workload(samples.BAILIAN)
        assert load.arrival.tolist() == [250 * MS, 1 * S, 61_114 * MS]
        assert load.program.tolist() == [0, 1, 0]
        assert [load.labels[k] for k in load.label] == ["text", "search", "text"]
        # Block 6 follows 5 in requests 0 and 2 but 8 in request 1, which shares nothing.
        assert (shared(load, 0, 2), shared(load, 0, 1), shared(load, 1, 2)) == (2, 0, 0)
        assert [len(load.contents(r)) for r in range(3)] == [2, 2, 3]

    def test_burstgpt_leaves_failures_out_and_says_so(self):
        """BurstGPT leaves failures out and says so."""
        load = read_workload(samples.BURSTGPT)
        assert load.arrival.tolist() == [5 * S, 45 * S, 118 * S]
        assert load.output.tolist() == [18, 230, 276]
        assert load.labels == ("ChatGPT, Conversation log", "GPT-4, Conversation log")
        assert load.label.tolist() == [0, 0, 1]
        assert load.source == "BurstGPT trace text; 1 failed requests left out"

    def test_burstgpt_keeps_failures_if_told_to(self):
        """BurstGPT keeps failures if told to."""
        load = read_workload(samples.BURSTGPT, failures="keep")
        assert load.output.tolist() == [18, 230, 276, 1]
        assert load.arrival[-1] == 118_500 * MS
        assert load.labels[load.label[-1]] == "ChatGPT, API log"
        assert "1 failed requests given one token" in load.source

    def test_burstgpt_sessions_are_programs(self):
        """BurstGPT sessions are programs."""
        load = read_workload(samples.BURSTGPT_SESSIONS)
        assert load.program.tolist() == [0, -1, 0, 1]
        assert load.arrival.tolist() == [1500 * MS, 2 * S, 3250 * MS, 4 * S]

    def test_a_session_of_calls_is_a_program_with_pauses(self):
        """A session of calls is a program with pauses."""
        load = read_workload(samples.SESSIONS)
        assert load.arrival.tolist() == [100 * NS, *[4059740 * NS] * 3, 5_000_000 * NS]
        assert load.prompt.tolist() == [3, 1472, 1582, 1734, 4]
        assert load.program.tolist() == [-1, 0, 0, 0, 1]
        assert [load.parents(r).tolist() for r in range(5)] == [[], [], [1], [2], []]
        assert load.delay.tolist() == [127348767 * NS, 197295027 * NS]

    def test_token_ids_become_pieces_of_prompt_and_output(self):
        """Token ids become pieces of prompt and output."""
        line = '{{"arrival_time_ns": {}, "input_toks": {}, "output_toks": {}, "input_tok_ids": {}, "output_tok_ids": {}}}\n'
        first = list(range(20))
        text = line.format(0, 20, 12, first, list(range(20, 32)))
        text += line.format(1, 33, 1, [*range(32), 7], [7])
        text += line.format(2, 16, 1, [1, *range(1, 16)], [0])
        load = read_workload(text)
        assert [len(load.contents(r)) for r in range(3)] == [2, 2, 1]
        assert (shared(load, 0, 1), shared(load, 0, 2)) == (2, 0)

    def test_a_recorded_run_gives_load_and_times(self):
        """A recorded run gives load and times."""
        run = recorded_run(Text(samples.RUN, "run"), Text(samples.RUN_META, "meta"))
        assert run.workload.arrival.tolist() == [0, 265_091_400 * NS]
        # Least time to the queue is that of request 0: 27536.660701067 s is the run's 0.
        assert run.queued.tolist() == [0, 386_902_482 * NS]
        assert run.scheduled.tolist() == [20_579 * NS, 386_912_464 * NS]
        assert run.first_token.tolist() == [689_434_586 * NS] * 2
        assert run.ttft.tolist() == [689_434_586 * NS, 302_532_104 * NS]
        assert run.latency.tolist() == [17_570_317_551 * NS, 25_232_291_037 * NS]
        assert run.settings is not None
        assert (run.settings.blocks, run.settings.max_num_seqs) == (2587, 256)
        assert (run.model, run.engine) == ("some/model", "vLLM 0.19.0")
        assert run.hardware == "NVIDIA GeForce RTX 4090"
        assert run.meta["schema_version"] == 1
        assert same(read_workload(samples.RUN), run.workload, but=("name", "source"))

    def test_a_run_takes_its_pieces_from_the_load_it_was_of(self):
        """Lengths must be those of the run; then its requests share what the load's do."""
        run = recorded_run(Text(samples.RUN, "run"), Text(samples.RUN_META, "meta"))
        same_lengths = (
            '{"makespan_workload": 1, "grain_tokens": 16}\n'
            '{"arrival_s": 0, "prompt_tokens": 2358, "output_tokens": 531, "content": [1, 2]}\n'
            '{"arrival_s": 1, "prompt_tokens": 1034, "output_tokens": 769, "content": [1, 3]}\n'
        )
        shares = run.sharing(read_workload(same_lengths))
        assert shared(shares.workload, 0, 1) == 1
        assert same(shares.workload, run.workload, but=("content", "content_ptr", "source"))
        assert shares.queued is run.queued
        with pytest.raises(OptionError, match="their lengths differ"):
            run.sharing(read_workload(same_lengths.replace("769", "768")))

    def test_the_file_about_a_run_is_found_beside_it(self, tmp_path):
        """The file about a run is found beside it."""
        (tmp_path / "x_requests.jsonl").write_text(samples.RUN)
        assert read_recorded_run(tmp_path / "x_requests.jsonl").settings is None
        (tmp_path / "x_meta.json").write_text(samples.RUN_META)
        assert read_recorded_run(tmp_path / "x_requests.jsonl").settings is not None

    def test_lengths_alone_come_at_once_or_at_a_rate(self):
        """Lengths alone come at once or at a rate."""
        load = read_workload(samples.VIDUR)
        assert load.arrival.tolist() == [0, 0]
        assert (load.prompt.tolist(), load.output.tolist()) == ([3772, 2015], [54, 156])
        timed = read_workload(samples.VIDUR, rate=2.0, seed=1)
        assert 0 < timed.arrival[0] < timed.arrival[1]
        assert "Poisson, 2 requests/s, seed 1" in timed.source
        assert same(timed, read_workload(samples.VIDUR, rate=2.0, seed=1))

    def test_lengths_with_times_are_sorted(self):
        """Lengths with times are sorted."""
        load = read_workload(samples.SPLITWISE)
        assert load.arrival.tolist() == [250 * MS, 500 * MS]
        assert load.prompt.tolist() == [200, 100]

    def test_own_csv_by_hand(self):
        """Own CSV by hand."""
        load = read_workload(samples.OWN_CSV)
        assert load.arrival.tolist() == [250 * MS, 500 * MS, 1 * S]
        assert load.prompt.tolist() == [50, 100, 120]
        assert load.labels == ("chat", "code")
        assert load.program.tolist() == [-1, 0, 0]
        assert load.parents(2).tolist() == [1]
        assert load.delay.tolist() == [1500 * MS]
        assert [load.contents(r).tolist() for r in range(3)] == [[1], [1, 2], [1, 2, 3]]

    def test_own_json_lines_by_hand(self):
        """Own JSON lines by hand."""
        load = read_workload(samples.OWN_JSONL)
        assert (load.name, load.grain) == ("mine", 8)
        assert load.slos == (Slo("fast", ttft=2 * S),)
        assert load.arrival.tolist() == [2_500_000, 3_000_000]
        assert load.cap.tolist() == [64, 2]
        assert load.priority.tolist() == [-1, 0]
        assert (load.slo.tolist(), load.label.tolist()) == ([0, -1], [-1, 0])
        assert load.parents(1).tolist() == [0]
        assert load.delay.tolist() == [0]


class TestServeGen:
    def pair(self):
        """Pair."""
        return client(
            Text(samples.SERVEGEN_TRACE, "trace"), Text(samples.SERVEGEN_DATASET, "data"), "c"
        )

    def test_windows_and_lengths_are_read(self):
        """Windows and lengths are read."""
        item = self.pair()
        assert item.begin.tolist() == [0, 600, 1200]
        assert item.end == 1800
        assert item.rate.tolist() == [2.0, 0.0, 4.0]
        assert [begin for begin, _, _ in item.lengths] == [0, 1200]
        assert item.lengths[0][1].mean == pytest.approx(17.5)

    def test_loads_have_the_rates_and_lengths_of_their_windows(self):
        """Loads have the rates and lengths of their windows."""
        load = generate([self.pair()], until=1800, seed=1)
        seconds = load.arrival / S
        first, last = seconds < 600, seconds >= 1200
        assert (first | last).all()
        assert first.sum() == pytest.approx(1200, abs=5 * 1200**0.5)
        assert last.sum() == pytest.approx(2400, abs=5 * 2 * 2400**0.5)
        assert set(load.prompt[first].tolist()) == {10, 20}
        assert set(load.prompt[last].tolist()) == {30}
        assert set(load.output[last].tolist()) == {4, 5}
        assert (load.prompt[first] == 20).mean() == pytest.approx(0.75, abs=0.06)

    def test_a_part_starts_at_zero_and_a_scale_multiplies_the_rate(self):
        """A part starts at zero and a scale multiplies the rate."""
        load = generate([self.pair()], start=1200, until=1300, rate_scale=3, seed=1)
        assert load.arrival[-1] < 100 * S
        assert load.count == pytest.approx(1200, abs=5 * 2 * 1200**0.5)

    def test_paths_find_the_other_file_and_folders_all_clients(self, tmp_path):
        """Paths find the other file and folders all clients."""
        for number in (2, 10):
            (tmp_path / f"chunk-{number}-trace.csv").write_text(samples.SERVEGEN_TRACE)
            (tmp_path / f"chunk-{number}-dataset.json").write_text(samples.SERVEGEN_DATASET)
        one = read_workload(tmp_path / "chunk-2-trace.csv", until=600)
        both = read_workload(tmp_path, until=600)
        assert one.labels == ("chunk-2",)
        assert both.labels == ("chunk-2", "chunk-10")
        assert np.array_equal(both.arrival[both.label == 0], one.arrival)
        assert not np.array_equal(both.arrival[both.label == 1], one.arrival)
        assert read_workload(tmp_path, until=600, limit=3).count == 3

    def test_what_is_missing_is_named(self, tmp_path):
        """What is missing is named."""
        (tmp_path / "chunk-2-trace.csv").write_text(samples.SERVEGEN_TRACE)
        with pytest.raises(FormatError, match="chunk-2-dataset.json beside it"):
            read_workload(tmp_path / "chunk-2-trace.csv", until=600)
        with pytest.raises(OptionError, match="say until="):
            read_workload(tmp_path / "chunk-2-trace.csv")
        with pytest.raises(FormatError, match="two files"):
            read_workload(samples.SERVEGEN_TRACE, until=600)
        (tmp_path / "none").mkdir()
        with pytest.raises(FormatError, match="no workload in this folder"):
            read_workload(tmp_path / "none", until=600)

    def test_a_load_too_large_is_refused_before_it_is_drawn(self):
        """A load too large is refused before it is drawn."""
        with pytest.raises(OptionError, match="about 36"):
            generate([self.pair()], until=1800, rate_scale=1e5)


@pytest.mark.parametrize("name", samples.TEXTS)
class TestEveryFormat:
    def test_it_is_recognised_and_can_be_named(self, name):
        """It is recognised and can be named."""
        format_, text = samples.TEXTS[name]
        assert detect(Text(text, "text")).name == format_
        assert same(read_workload(text, format_), read_workload(text))

    def test_exactly_one_format_claims_it(self, name):
        """Exactly one format claims it."""
        text = Text(samples.TEXTS[name][1], "text")
        assert [item.name for item in FORMATS if item.sniff(text)] == [samples.TEXTS[name][0]]

    def test_bytes_gzip_streams_and_paths_give_the_same(self, name, tmp_path):
        """Bytes gzip streams and paths give the same."""
        raw = samples.TEXTS[name][1].encode()
        path = tmp_path / "load.gz"
        path.write_bytes(gzip.compress(raw))
        load = read_workload(samples.TEXTS[name][1])
        for source in (raw, gzip.compress(raw), io.BytesIO(raw), path, str(path)):
            assert same(read_workload(source), load, but=("name", "source"))

    def test_what_is_read_is_written_and_read_again(self, name, tmp_path):
        """What is read is written and read again."""
        load = read_workload(samples.TEXTS[name][1])
        for ending in ("csv", "jsonl", "csv.gz", "jsonl.gz"):
            write_workload(load, tmp_path / f"load.{ending}")
            assert same(read_workload(tmp_path / f"load.{ending}"), load)

    def test_blank_lines_and_line_ends_do_not_matter(self, name):
        """Blank lines and line ends do not matter."""
        text = samples.TEXTS[name][1].replace("\r\n", "\n")
        load = read_workload(text)
        assert same(read_workload(text.replace("\n", "\r\n\r\n  \n")), load)
        assert same(read_workload(text.rstrip("\n") + "\n\n\n"), load)


WRONG_LINES = {
    "azure date": (samples.AZURE_2024.replace("2024-05-11 00", "2024-02-30 00"), 3, "TIMESTAMP"),
    "azure zone": (samples.AZURE_2024.replace("+02:00", "+2:00"), 4, "TIMESTAMP"),
    "azure point": (samples.AZURE_2024.replace("59.009930", "59."), 2, "TIMESTAMP"),
    "azure hour": (samples.AZURE_2024.replace(" 23:59", " 24:59"), 2, "TIMESTAMP"),
    "azure fields": (samples.AZURE_2023.replace("3180,8", "3180"), 3, "2 fields"),
    "azure tokens": (samples.AZURE_2023.replace("4808", "48o8"), 2, "ContextTokens is '48o8'"),
    "azure sign": (samples.AZURE_2023.replace("4808", "-48"), 2, "ContextTokens is '-48'"),
    "azure empty": (samples.AZURE_2023.replace("4808", ""), 2, "ContextTokens is ''"),
    "azure large": (samples.AZURE_2023.replace("4808", "9" * 30), 2, "ContextTokens"),
    "mooncake json": (samples.MOONCAKE.replace("27482,", "27482"), 2, "no JSON object"),
    "mooncake time": (samples.MOONCAKE.replace("27482", "-1"), 2, "timestamp is -1"),
    "mooncake bool": (samples.MOONCAKE.replace("1024", "true"), 2, "input_length is True"),
    "mooncake field": (samples.MOONCAKE.replace('"output_length": 12', '"o": 12'), 3, "no field 'output_length'"),
    "mooncake twice": (samples.MOONCAKE.replace('"output_length": 12', '"timestamp": 12'), 3, "occurs twice"),
    "mooncake ids": (samples.MOONCAKE.replace("[4]", "[4, 5]"), 3, "2 hash_ids"),
    "mooncake id": (samples.MOONCAKE.replace("[4]", "[4.5]"), 3, "hash_ids"),
    "bailian twice": (samples.BAILIAN.replace('"chat_id": 9', '"chat_id": 7'), 2, "chat_id 7 occurs twice"),
    "bailian nan": (samples.BAILIAN.replace("61.114", "NaN"), 3, "NaN is no number"),
    "burstgpt time": (samples.BURSTGPT.replace("118.5", "1.1.8"), 5, "Timestamp is '1.1.8'"),
    "burstgpt model": (samples.BURSTGPT.replace("GPT-4", ""), 4, "Model is ''"),
    "run backwards": (samples.RUN.replace("27562.2", "27537.2"), 2, "go backwards"),
    "sessions ids": (samples.SESSIONS.replace('"output_toks": 2,', '"output_toks": 2, "input_tok_ids": [1],'), 2, "1 input_tok_ids for 3 tokens"),
    "sessions twice": (samples.SESSIONS.replace("s1", "s0"), 3, "session 's0' occurs twice"),
    "sessions list": (samples.SESSIONS.replace('[{"input_toks": 4, "output_toks": 5}]', "3"), 3, "sub_requests is 3"),
    "vidur zero": (samples.VIDUR.replace("156", "0"), 3, "num_decode_tokens is '0'"),
    "own csv parent": (samples.OWN_CSV.replace("chat,0,1500", "chat,2,1500"), 4, "parents [2]"),
    "own csv delays": (samples.OWN_CSV.replace("chat,0,1500", "chat,0,1 2"), 4, "does not fit the 1 parents"),
    "own csv content": (samples.OWN_CSV.replace("1 2 3", "1 x 3"), 4, "content is 'x'"),
    "own csv class": (samples.OWN_CSV.replace("5,,code", "5,fast,code"), 3, "unknown SLO class 'fast'"),
    "own csv column": (samples.OWN_CSV.replace("program", "programme"), 1, "unknown column"),
    "own csv quotes": (samples.OWN_CSV.replace("0.25", '"0.25'), 3, "quotes"),
    "own csv fields": (samples.OWN_CSV.replace("0.25,", ""), 3, "8 fields"),
    "own csv twice": (samples.OWN_CSV.replace("program", "slo"), 1, "column 'slo' occurs twice"),
    "own csv output": (samples.OWN_CSV.replace("output_tokens", "outputs"), 1, "no known workload"),
    "own csv two times": (samples.OWN_CSV.replace("program", "arrival_ms"), 1, "2 columns for arrival"),
    "own csv empty time": (samples.OWN_CSV.replace("0.25,50", ",50"), 3, "there is no arrival"),
    "own jsonl labels": (samples.OWN_JSONL.replace('["x"]', '["x", "x"]'), 1, "a label occurs twice"),
    "own jsonl names": (samples.OWN_JSONL.replace('["x"]', '[""]'), 1, "labels must be a list of names"),
    "own jsonl slos": (samples.OWN_JSONL.replace('[{"name": "fast", "ttft_ps": 2000000000000}]', "[3]"), 1, "a list of objects"),
    "own jsonl name": (samples.OWN_JSONL.replace('"mine"', "5"), 1, "name is 5"),
    "own jsonl parents": (samples.OWN_JSONL.replace("[0]", "0"), 3, "parents is 0"),
    "own jsonl huge": (samples.OWN_JSONL.replace("2.5", "1e999"), 2, "out of range"),
    "own jsonl digits": (samples.OWN_JSONL.replace("2.5", "2." + "5" * 99), 2, "too long"),
    "azure long": (samples.AZURE_2023.replace("4808", "0" * 60 + "1"), 2, "ContextTokens"),
    "burstgpt long": (samples.BURSTGPT.replace("GPT-4", "x" * 201), 4, "at most 200 bytes"),
    "own jsonl label": (samples.OWN_JSONL.replace('"label": "x"', '"label": "y"'), 3, "unknown label 'y'"),
    "own jsonl time": (samples.OWN_JSONL.replace('"arrival_us": 3', '"arrival_s": 1e30'), 3, "arrival_s"),
    "own jsonl slo": (samples.OWN_JSONL.replace("ttft_ps", "ttft_s"), 1, "unknown term 'ttft_s'"),
    "own jsonl version": (samples.OWN_JSONL.replace('"makespan_workload": 1', '"makespan_workload": 9'), 1, "makespan_workload is 9"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_LINES)
def test_a_wrong_line_is_named(case):
    """A wrong line is named."""
    text, line, message = WRONG_LINES[case]
    with pytest.raises(FormatError, match=f"line {line}:") as caught:
        read_workload(text)
    assert message in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no known workload begins with 'a,b'"),
        ("\n \n", "the text is empty"),
        ("version https://git-lfs.github.com/spec/v1\nx\n", "git lfs pull"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "there are no requests"),
        ("num_prefill_tokens,num_decode_tokens\n", "there are no requests"),
        ("prompt_size,batch_size,token_size,prompt_time\n1,1,1,1\n", "no known workload"),
        (
            '{"session_id": "a", "arrival_time_ns": 0, "sub_requests": []}\n',
            "there are no requests",
        ),
        ("[" * 100_000 + "\n", "no known workload"),
        ("a\0b\n", "NUL"),
    ],
)
def test_what_is_no_workload_is_refused(text, message):
    """What is no workload is refused."""
    with pytest.raises(FormatError, match=message):
        read_workload(text)


WRONG_CLIENTS = {
    "a field too many": (samples.SERVEGEN_TRACE.replace(",0,0\n", ",0,0,0\n"), None, "line 2"),
    "a pattern": (samples.SERVEGEN_TRACE.replace("Gamma", "Pareto"), None, "line 1"),
    "no number": (samples.SERVEGEN_TRACE.replace("0.166", "x"), None, "line 3: 'x' is no number"),
    "below 0": (samples.SERVEGEN_TRACE.replace("4.0", "-4.0"), None, "line 3: -4.0 is out of range"),
    "half a second": (samples.SERVEGEN_TRACE.replace("600", "600.5"), None, "begins at 600.5 s"),
    "a shape": (samples.SERVEGEN_TRACE.replace("0.6", "0.001"), None, "line 3: shape 0.001"),
    "order": (samples.SERVEGEN_TRACE.replace("600", "1300"), None, "does not come after 1300 s"),
    "a window": (None, samples.SERVEGEN_DATASET.replace('"600"', '"x"'), "window 'x'"),
    "no lengths": (None, '{"0": {"input_tokens": "{}", "output_tokens": "{}"}}', "no window has"),
    "no string": (None, samples.SERVEGEN_DATASET.replace('"{3: 1.0}"', "3"), "is no mapping"),
    "no pair": (None, samples.SERVEGEN_DATASET.replace("{3: 1.0}", "{3; 1.0}"), "has '3; 1.0'"),
    "no weight": (None, samples.SERVEGEN_DATASET.replace("{3: 1.0}", "{3: 1.0.0}"), "has '3: 1.0.0'"),
    "a weight above 1": (None, samples.SERVEGEN_DATASET.replace("{3: 1.0}", "{3: 7}"), "has '3: 7'"),
    "weights": (None, samples.SERVEGEN_DATASET.replace("{3: 1.0}", "{3: 0.1}"), "sum to 0.1"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_CLIENTS)
def test_a_wrong_client_is_refused(case):
    """What is wrong in either file of a client is said."""
    trace, dataset, message = WRONG_CLIENTS[case]
    with pytest.raises(FormatError, match="^(trace|data)") as caught:
        client(
            Text(trace or samples.SERVEGEN_TRACE, "trace"),
            Text(dataset or samples.SERVEGEN_DATASET, "data"),
        )
    assert message in str(caught.value)


def test_a_run_with_wrong_settings_is_refused():
    """Settings that no engine can have are the file's fault."""
    for wrong in (
        samples.RUN_META.replace("2588", "1"),
        samples.RUN_META.replace("2048", "16"),
        samples.RUN_META.replace("256", '"many"'),
        "[]",
    ):
        with pytest.raises(FormatError, match="meta"):
            recorded_run(Text(samples.RUN, "run"), Text(wrong, "meta"))
    days = samples.RUN.replace("27554.231018618", "9999999.5")
    with pytest.raises(FormatError, match="more than 53 days"):
        recorded_run(Text(days, "run"))


class TestOptions:
    def test_a_window_starts_at_zero(self):
        """A window starts at zero."""
        load = read_workload(samples.MOONCAKE, start=1, until=30)
        assert load.arrival.tolist() == [26_482 * MS]
        assert load.source.endswith(", from second 1, until second 30")

    def test_a_window_takes_its_start_and_leaves_its_end(self):
        """A window takes its start and leaves its end."""
        assert read_workload(samples.MOONCAKE, start=27.482, until=30.535).arrival.tolist() == [0]

    def test_until_alone_keeps_the_zero(self):
        """Until alone keeps the zero."""
        assert read_workload(samples.MOONCAKE, until=30).arrival.tolist() == [0, 27_482 * MS]

    def test_a_limit_takes_the_first(self):
        """A limit takes the first."""
        assert read_workload(samples.MOONCAKE, limit=2).count == 2

    def test_a_rate_scales_arrivals_and_leaves_tools(self):
        """A rate scales arrivals and leaves tools."""
        load = read_workload(samples.SESSIONS, rate_scale=2)
        assert load.arrival.tolist() == [50 * NS, *[2029870 * NS] * 3, 2_500_000 * NS]
        assert load.delay.tolist() == [127348767 * NS, 197295027 * NS]

    def test_lengths_scale_with_what_is_shared(self):
        """Lengths scale with what is shared."""
        load = read_workload(samples.MOONCAKE, scale_lengths=1 / 32)
        assert load.grain == 16
        assert load.prompt.tolist() == [32, 32, 16]
        assert [load.contents(r).tolist() for r in range(3)] == [[0, 1], [0, 3], []]

    def test_months_fit_once_a_part_is_taken(self):
        """Months fit once a part is taken."""
        header = samples.BURSTGPT.splitlines()[0]
        text = f"{header}\n5,m,1,1,2,k\n10000000.25,m,1,1,2,k\n"
        with pytest.raises(OptionError, match="lasts 115.7 days"):
            read_workload(text)
        assert read_workload(text, start=10_000_000).arrival.tolist() == [250 * MS]
        fast = read_workload(text, rate_scale=4)
        assert fast.arrival.tolist() == [1250 * MS, 2_500_000_062_500_000_000]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"start": -1}, "start is -1"),
            ({"start": 5, "until": 5}, "is empty"),
            ({"until": float("nan")}, "until is nan"),
            ({"start": 100}, "no request of 'text' falls into the window"),
            ({"limit": 0}, "limit is 0"),
            ({"rate_scale": 0}, "rate_scale is 0"),
            ({"limit": 1.5}, "limit is 1.5"),
            ({"scale_lengths": 0}, "lengths times 0"),
            ({"scale_lengths": float("nan")}, "lengths times nan"),
            ({"rate": 1.0}, "files without times"),
            ({"format": "azur"}, "no workload format 'azur'"),
        ],
    )
    def test_options_out_of_range_are_refused(self, options, message):
        """Options out of range are refused."""
        with pytest.raises(OptionError, match=message):
            read_workload(samples.MOONCAKE, **options)

    def test_lengths_beyond_all_limits_are_refused(self):
        """A factor may make prompts longer than tokens are counted."""
        header = samples.VIDUR.splitlines()[0]
        with pytest.raises(OptionError, match="go beyond 2147483648 tokens"):
            read_workload(f"{header}\n2000000,5,1,1\n", scale_lengths=10_000.0)

    @pytest.mark.parametrize(
        "names", [(), ("notes.txt", "chunk-x-trace.csv", "chunk-0-trace.csv.d")]
    )
    @pytest.mark.parametrize("options", [{}, {"until": 60.0}, {"format": "servegen"}])
    def test_a_folder_without_a_workload_is_refused(self, tmp_path, names, options):
        """Whatever else is said, what is missing are files, not the time until when to draw."""
        for name in names:
            (tmp_path / name).touch()
        with pytest.raises(FormatError, match="no workload in this folder") as caught:
            read_workload(tmp_path, **options)
        assert caught.value.source == str(tmp_path)
        assert "chunk-N-trace.csv" in str(caught.value)

    def test_a_folder_is_no_file(self, tmp_path):
        """A folder with the name of another format is refused."""
        with pytest.raises(FormatError, match="this is a folder"):
            read_workload(tmp_path, "azure")

    def test_a_rate_for_a_file_with_times_is_refused(self):
        """A rate for a file with times is refused."""
        with pytest.raises(OptionError, match="states times"):
            read_workload(samples.SPLITWISE, rate=1.0)

    def test_failures_are_dropped_or_kept(self):
        """Failures are dropped or kept."""
        with pytest.raises(OptionError, match="failures='both'"):
            read_workload(samples.BURSTGPT, failures="both")


class TestWriting:
    def test_the_ending_or_the_format_says_what_is_written(self, tmp_path):
        """The ending or the format says what is written."""
        load = read_workload(samples.OWN_CSV)
        with pytest.raises(OptionError, match="'.txt'"):
            write_workload(load, tmp_path / "load.txt")
        with pytest.raises(OptionError, match="'azure' is not written"):
            write_workload(load, tmp_path / "load.csv", "azure")
        write_workload(load, tmp_path / "load.txt", "makespan-jsonl")
        assert same(read_workload(tmp_path / "load.txt"), load)
