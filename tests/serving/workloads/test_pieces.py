"""Names of pieces: equal names if and only if everything up to them is equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.workload import Workload
from makespan.serving.workloads.pieces import chained, nested, of_tokens, rows, scale_lengths
from tests.serving.workloads.loads import GRAINS, same, shared, workloads

TABLES = st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=8)


def flat(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Pointers and values of a table."""
    ptr = rows(np.array([len(row) for row in table], dtype=np.int64))[0]
    return ptr, np.array([value for row in table for value in row], dtype=np.int64)


def same_start(a: list[int], b: list[int]) -> int:
    """Length of the longest common beginning."""
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return count


def names_of(ptr: np.ndarray, names: np.ndarray, row: int) -> list[int]:
    """Names of a row."""
    return names[ptr[row] : ptr[row + 1]].tolist()


@given(TABLES)
def test_a_name_is_equal_where_all_keys_so_far_are(table):
    """Chained names are equal at a depth if and only if rows are equal down to it."""
    ptr, keys = flat(table)
    names = chained(ptr, keys)
    for a, row in enumerate(table):
        for b, other in enumerate(table):
            common = same_start(row, other)
            mine, others = names_of(ptr, names, a), names_of(ptr, names, b)
            assert mine[:common] == others[:common]
            assert not set(mine[common:]) & set(others[common:])


@given(TABLES)
def test_chained_names_stay_as_they_are(table):
    """Naming names changes nothing."""
    ptr, keys = flat(table)
    names = chained(ptr, keys)
    assert chained(ptr, names) is names


@given(
    st.lists(st.lists(st.integers(0, 1), max_size=12), min_size=1, max_size=6), st.integers(1, 4)
)
def test_tokens_share_their_full_pieces(sequences, grain):
    """Two sequences of tokens share as many pieces as their common beginning fills."""
    ptr, names = of_tokens(sequences, grain)
    for a, one in enumerate(sequences):
        assert ptr[a + 1] - ptr[a] == len(one) // grain
        for b, other in enumerate(sequences):
            expected = min(same_start(one, other), len(one), len(other)) // grain
            assert same_start(names_of(ptr, names, a), names_of(ptr, names, b)) == expected


@st.composite
def trees(draw):
    """Paths in a tree of three levels with the tokens at which the levels end."""
    system = draw(st.lists(st.integers(0, 30), min_size=1, max_size=3))
    document = draw(
        st.lists(
            st.tuples(st.integers(0, len(system) - 1), st.integers(0, 30)), min_size=1, max_size=5
        )
    )
    texts = draw(
        st.lists(
            st.tuples(st.integers(0, len(document) - 1), st.integers(0, 30)), min_size=1, max_size=8
        )
    )
    ends = []
    for doc, own in texts:
        first = system[document[doc][0]]
        ends.append((first, first + document[doc][1], first + document[doc][1] + own))
    return [(document[doc][0], doc, k) for k, (doc, _) in enumerate(texts)], ends


@given(trees(), st.integers(1, 8))
def test_nested_texts_share_what_their_paths_share(tree, grain):
    """Equal names of pieces are the same as equal paths in the tree down to the piece."""
    keys, ends = tree
    levels = [
        (np.array([key[level] for key in keys]), np.array([end[level] for end in ends]))
        for level in range(3)
    ]
    ptr, names = nested(levels, grain)

    def path(row: int) -> list[tuple[int, int]]:
        """Level and key that each piece of a text belongs to."""
        found = []
        for piece in range(ends[row][2] // grain):
            level = next(k for k in range(3) if (piece + 1) * grain <= ends[row][k])
            found.append((level, keys[row][level]))
        return found

    for a in range(len(keys)):
        assert ptr[a + 1] - ptr[a] == ends[a][2] // grain
        for b in range(len(keys)):
            mine, others = names_of(ptr, names, a), names_of(ptr, names, b)
            assert same_start(mine, others) == same_start(path(a), path(b))


class TestScaling:
    """scale_lengths."""

    @given(workloads())
    def test_a_factor_of_one_changes_nothing(self, load):
        """Scaling by 1 gives the load back."""
        assert same(scale_lengths(load, 1.0), load)

    @given(
        workloads(), st.sampled_from([1 / 32, 0.1, 0.5, 2 / 3, 1.0, 1.7, 4.0]), GRAINS | st.none()
    )
    def test_sharing_is_kept_at_scale(self, load, factor, grain):
        """What is shared afterwards was shared, and of what was, less than two pieces are lost."""
        scaled = scale_lengths(load, factor, grain=grain)
        assert np.abs(scaled.prompt - np.maximum(load.prompt * factor, 1)).max(initial=0) <= 0.51
        assert (scaled.cap >= scaled.output).all()
        for a in range(load.count):
            for b in range(load.count):
                before = shared(load, a, b) * load.grain * factor
                after = shared(scaled, a, b) * scaled.grain
                # Rounding of lengths may cost the last piece of a text named to its very end.
                assert after <= before + 1e-2
                assert after > before - scaled.grain - factor * load.grain - 1.01

    @given(workloads(), st.sampled_from([2, 4, 16]))
    def test_finer_pieces_come_back_as_they_were(self, load, parts):
        """Cutting pieces into parts and putting them together again keeps the sharing."""
        fine = scale_lengths(load, float(parts), grain=load.grain)
        assert len(fine.content) == len(load.content) * parts
        back = scale_lengths(fine, 1 / parts)
        for a in range(load.count):
            for b in range(load.count):
                assert shared(fine, a, b) == shared(load, a, b) * parts
        assert back.prompt.tolist() == load.prompt.tolist()

    @pytest.mark.parametrize(("factor", "grain"), [(0, None), (1e-9, None), (1.0, 0), (1e5, 1)])
    def test_factors_out_of_range_are_refused(self, factor, grain):
        """Neither 0 nor beyond all measure."""
        one = np.ones(1, dtype=np.int64)
        with pytest.raises(OptionError):
            scale_lengths(Workload("w", one, one, one), factor, grain=grain)

    @pytest.mark.parametrize("grain", [1, 3, 16, 100])
    def test_a_name_implies_its_past_at_any_grain(self, grain):
        """Names of a scaled tree are those of its paths."""
        keys = np.array([0, 0, 1, 1])
        ptr, names = nested([(keys * 0, np.full(4, 200)), (keys, np.full(4, 700))], 50)
        n = np.ones(4, dtype=np.int64)
        load = Workload("t", n, n * 800, n * 5, content_ptr=ptr, content=names, grain=50)
        scaled = scale_lengths(load, 0.5, grain=grain)
        assert shared(scaled, 0, 1) == 350 // grain
        assert shared(scaled, 0, 2) == 100 // grain
        assert np.array_equal(chained(scaled.content_ptr, scaled.content), scaled.content)
