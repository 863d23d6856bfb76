"""Arrivals and lengths have the moments they promise, and are equal for equal seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.workloads.arrivals import (
    PROCESSES,
    AtOnce,
    Bursts,
    Diurnal,
    Gamma,
    Poisson,
    Weibull,
    process,
    weibull_shape,
)
from makespan.serving.workloads.draws import Stream
from makespan.serving.workloads.lengths import LogNormal, PowerLaw, Quantiles, Uniform
from makespan.serving.workloads.published import NAMES, published
from makespan.serving.workloads.text2sql import REVISIONS, STAGES

N = 60_000
S = 10**12


def gaps(arrivals, count: int = N, seed: int = 1) -> np.ndarray:
    """Gaps of a process in seconds, the first from 0."""
    return np.diff(arrivals.times(count, Stream(seed, "test")), prepend=0) / S


def close(value: float, expected: float, deviation: float, count: int = N) -> bool:
    """Whether a mean is within five standard errors of what it should be."""
    return abs(value - expected) < 5 * deviation / math.sqrt(count) + 1e-12


class TestStream:
    """Draws."""

    def test_streams_of_other_names_or_seeds_differ(self):
        """A stream depends on its seed and all its names."""
        draws = {
            tuple(stream.reals(4).tolist())
            for stream in (
                Stream(0, "a"),
                Stream(1, "a"),
                Stream(0, "b"),
                Stream(0, "a").stream("b"),
                Stream(0, "a", "c"),
            )
        }
        assert len(draws) == 5
        assert Stream(0, "a").stream("b").reals(3).tolist() == Stream(0, "a", "b").reals(3).tolist()

    @pytest.mark.parametrize(
        ("draw", "mean", "variance"),
        [
            (lambda s: s.reals(N), 0.5, 1 / 12),
            (lambda s: s.exponentials(N), 1, 1),
            (lambda s: s.normals(N), 0, 1),
            (lambda s: s.normals(N + 1)[1:] ** 2, 1, 2),
            (lambda s: s.gammas(0.2, N), 0.2, 0.2),
            (lambda s: s.gammas(1.0, N), 1, 1),
            (lambda s: s.gammas(7.5, N), 7.5, 7.5),
            (lambda s: s.weibulls(2.0, N), math.gamma(1.5), math.gamma(2) - math.gamma(1.5) ** 2),
            (lambda s: s.choices([1, 0, 3], N), 1.5, 0.75),
        ],
    )
    def test_distributions_have_their_mean_and_variance(self, draw, mean, variance):
        """Sample mean and variance are within five standard errors."""
        drawn = draw(Stream(3, "moments")).astype(np.float64)
        assert close(drawn.mean(), mean, math.sqrt(variance))
        fourth = ((drawn - mean) ** 4).mean()
        assert close(((drawn - mean) ** 2).mean(), variance, math.sqrt(fourth))

    def test_gamma_has_its_third_moment_too(self):
        """The skewness of Gamma(4) is 1."""
        drawn = Stream(3, "skew").gammas(4.0, N)
        assert (((drawn - 4) / 2) ** 3).mean() == pytest.approx(1.0, abs=0.1)

    def test_what_has_no_weight_is_never_chosen(self):
        """Choices follow the weights."""
        assert set(Stream(0, "x").choices([0, 1, 0, 1, 0], 1000).tolist()) == {1, 3}


class TestArrivals:
    """Processes."""

    @pytest.mark.parametrize(
        ("arrivals", "cv"),
        [
            (Poisson(4.0), 1.0),
            (Gamma(4.0, 0.5), 0.5),
            (Gamma(4.0, 2.5), 2.5),
            (Weibull(4.0, 0.7), 0.7),
            (Weibull(4.0, 2.0), 2.0),
        ],
    )
    def test_renewal_processes_have_their_rate_and_cv(self, arrivals, cv):
        """Mean and CV of the gaps are those asked for."""
        found = gaps(arrivals)
        assert close(found.mean(), 0.25, cv * 0.25)
        assert found.std() / found.mean() == pytest.approx(cv, rel=0.06)

    def test_the_weibull_shape_solves_for_the_cv(self):
        """Shape 1 is exponential; the CV of a shape is inverted."""
        assert weibull_shape(1.0) == pytest.approx(1.0)
        for cv in (0.1, 0.5, 3.0, 20.0):
            k = weibull_shape(cv)
            squared = math.gamma(1 + 2 / k) / math.gamma(1 + 1 / k) ** 2 - 1
            assert math.sqrt(squared) == pytest.approx(cv)

    def test_a_day_has_its_high_and_low(self):
        """Rates by hour follow the sine, over several days."""
        at = np.cumsum(gaps(Diurnal(1.0, swing=0.6, period=10_000.0))) / 10_000
        assert at[-1] == pytest.approx(6, rel=0.03)
        phase = at[at < 5] % 1
        low = (np.abs(phase - 0.0) < 0.05).sum() + (np.abs(phase - 1.0) < 0.05).sum()
        high = (np.abs(phase - 0.5) < 0.05).sum()
        # Around the extremes a tenth of the period has 1 ∓ 0.6 sinc(0.1) of its share.
        share = 0.6 * math.sin(0.1 * math.pi) / (0.1 * math.pi)
        assert low / 5000 == pytest.approx(1 - share, abs=0.05)
        assert high / 5000 == pytest.approx(1 + share, abs=0.06)

    def test_bursts_have_their_mean_rate_and_two_speeds(self):
        """The mean rate is kept, and gaps are a mixture of the two rates."""
        found = gaps(Bursts(2.0, factor=20.0, busy=5.0, quiet=20.0), 200_000)
        assert 1 / found.mean() == pytest.approx(2.0, rel=0.08)
        assert found.std() / found.mean() > 1.5
        low = 2.0 * 25 / (20 + 20 * 5)
        # Five arrivals of six are of busy times, in which gaps are those of the high rate.
        for gap in (0.05, 0.1, 0.3, 1.0):
            longer = 5 / 6 * math.exp(-20 * low * gap) + 1 / 6 * math.exp(-low * gap)
            assert (found > gap).mean() == pytest.approx(longer, abs=0.04)

    def test_at_once_is_at_zero(self):
        """Offline loads come at 0."""
        assert AtOnce().times(3, Stream(0, "x")).tolist() == [0, 0, 0]

    @given(
        st.sampled_from(PROCESSES),
        st.floats(0.01, 1000),
        st.floats(0.1, 5),
        st.integers(0, 40),
        st.integers(0, 1000),
    )
    def test_arrivals_ascend_and_are_equal_for_equal_seeds(self, name, rate, cv, count, seed):
        """Any process gives ascending times, the same again for the same seed."""
        arrivals = process(name, rate, cv)
        first = arrivals.times(count, Stream(seed, "test"))
        assert first.dtype == np.int64
        assert len(first) == count
        assert (np.diff(first, prepend=0) >= 0).all()
        assert first.tolist() == arrivals.times(count, Stream(seed, "test")).tolist()

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Poisson(0),
            lambda: Poisson(float("nan")),
            lambda: Gamma(1, 0),
            lambda: Weibull(1, 1000),
            lambda: Diurnal(1, swing=1.5),
            lambda: Diurnal(1, period=0),
            lambda: Bursts(1, factor=0.5),
            lambda: Bursts(1, busy=0),
            lambda: process("uniform", 1),
            lambda: Poisson(1e-6).times(100, Stream(0, "x")),
        ],
    )
    def test_what_is_out_of_range_is_refused(self, make):
        """Rates, CVs and spans out of range are refused."""
        with pytest.raises(OptionError):
            make()


class TestLengths:
    """Distributions of token counts."""

    def test_uniform_reaches_both_ends(self):
        """All whole numbers between the ends occur."""
        assert set(Uniform(3, 6).draw(1000, Stream(0, "x")).tolist()) == {3, 4, 5, 6}

    def test_a_fit_to_quantiles_of_a_log_normal_finds_it(self):
        """Exact quantiles give back median and sigma."""
        fit = LogNormal.fitted(
            [0.1, 0.5, 0.9], [100 * math.exp(-1.2815515655), 100, 100 * math.exp(1.2815515655)]
        )
        assert fit.median == pytest.approx(100)
        assert fit.sigma == pytest.approx(1)

    def test_a_fit_to_published_quantiles_is_near_them(self):
        """A log-normal through the inner quantiles of ShareGPT-o1's outputs has its median."""
        fit = LogNormal.fitted([0.1, 0.25, 0.5, 0.75, 0.9], [663, 1209, 1954, 2822, 3872])
        drawn = fit.draw(N, Stream(1, "x"))
        assert np.median(drawn) == pytest.approx(1954, rel=0.1)

    def test_a_log_normal_of_moments_has_them(self):
        """Mean and deviation are those asked for."""
        drawn = LogNormal.of_moments(2000, 1000).draw(N, Stream(1, "x"))
        assert drawn.mean() == pytest.approx(2000, rel=0.02)
        assert drawn.std() == pytest.approx(1000, rel=0.04)
        assert LogNormal.of_moments(2000, 1000, cap=2500).draw(N, Stream(1, "x")).max() == 2500

    @given(st.floats(1.5, 500), st.integers(600, 3000))
    def test_a_power_law_of_a_mean_has_it(self, mean, cap):
        """The exponent is solved for."""
        assert PowerLaw.of_mean(mean, cap).mean == pytest.approx(mean, rel=1e-6)

    def test_a_power_law_is_drawn_as_it_is(self):
        """Sample mean and chances of the shortest."""
        law = PowerLaw.of_mean(128, 6144)
        drawn = law.draw(N, Stream(1, "x"))
        assert drawn.mean() == pytest.approx(128, rel=0.06)
        ratio = (drawn == 1).sum() / (drawn == 2).sum()
        assert ratio == pytest.approx(2**law.exponent, rel=0.1)

    @given(
        st.lists(st.integers(1, 5000), min_size=2, max_size=6),
        st.lists(st.floats(0.01, 0.99), max_size=4, unique=True),
        st.integers(0, 99),
    )
    def test_quantiles_stay_within_their_ends(self, values, levels, seed):
        """Draws lie between the first and last value, at the levels near theirs."""
        levels = sorted(levels)[: len(values) - 2]
        values = sorted(values)[: len(levels) + 2]
        law = Quantiles((0.0, *levels, 1.0), tuple(values))
        drawn = law.draw(500, Stream(seed, "x"))
        assert values[0] <= drawn.min() <= drawn.max() <= values[-1]

    @pytest.mark.parametrize("name", NAMES)
    def test_published_quantiles_come_out(self, name):
        """Quantiles of draws are the ones published."""
        pair = published(name)
        for part, law in (("prompt", pair.prompt), ("output", pair.output)):
            drawn = law.draw(N, Stream(5, name, part))
            assert drawn.min() >= 1
            if isinstance(law, Quantiles):
                for level, value in zip(law.levels, law.values, strict=True):
                    if 0.05 <= level <= 0.95:
                        # Five standard errors of a share, on both sides.
                        error = 5 * math.sqrt(level * (1 - level) / N)
                        low, high = np.quantile(drawn, (level - error, level + error))
                        assert low - 1 <= value <= high + 1
                assert drawn.mean() == pytest.approx(law.mean, rel=0.03)
        assert (pair.output.draw(1000, Stream(5, name)) <= pair.cap).all()
        assert pair.source

    @pytest.mark.parametrize(
        ("name", "prompt", "output", "tolerance"),
        [
            # Published means; lines between quantiles miss them by what the shape hides.
            ("sharegpt-o1", 381, 2160, 0.1),
            ("azure-code", 2048, 27.88, 0.1),
            ("azure-conversation", 1155, 211, 0.05),
            ("dist-1", 2064, 3072, 0.01),
            ("dist-2", 4000, 4000, 0.01),
            ("dist-3", 3072, 2064, 0.01),
            ("power-short", 128, 128, 0.06),
            ("power-medium", 256, 256, 0.06),
            ("power-long", 512, 512, 0.06),
        ],
    )
    def test_published_means_are_near(self, name, prompt, output, tolerance):
        """Means are within what lines between quantiles can say."""
        pair = published(name)
        assert pair.prompt.draw(N, Stream(2, name)).mean() == pytest.approx(prompt, rel=tolerance)
        assert pair.output.draw(N, Stream(2, name)).mean() == pytest.approx(output, rel=tolerance)

    @pytest.mark.parametrize("name", ["sharegpt-o1", "azure-code", "azure-conversation"])
    def test_log_normals_fitted_to_published_quantiles_are_in_their_order(self, name):
        """The smooth stand-in has the middle of the quantiles it was fitted to, to a factor."""
        pair, smooth = published(name), published(f"{name}-lognormal")
        for law, fit in ((pair.prompt, smooth.prompt), (pair.output, smooth.output)):
            drawn = fit.draw(N, Stream(4, name))
            assert isinstance(law, Quantiles)
            assert drawn.max() <= law.values[-1]
            inner = [k for k, level in enumerate(law.levels) if 0.1 <= level <= 0.9]
            found = np.quantile(drawn, [law.levels[k] for k in inner])
            ratio = np.log(found / np.array([law.values[k] for k in inner]))
            assert np.abs(ratio).max() < math.log(2.6)
            assert abs(ratio.mean()) < math.log(1.25)

    def test_stages_of_text_to_sql_have_their_published_statistics(self):
        """Quantiles exactly, means within 2 % of the seven stages."""
        means = (306, 677, 10790, 6988, 275, 1145, 1077), (7, 49, 672, 129, 5, 100, 30)
        for stage, prompt, output in zip(STAGES, *means, strict=True):
            assert stage.prompt.mean == pytest.approx(prompt, rel=0.02)
            assert stage.output.mean == pytest.approx(output, rel=0.02)
        assert REVISIONS.mean == pytest.approx(4.7, abs=0.15)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Uniform(0, 5),
            lambda: Uniform(5, 4),
            lambda: LogNormal(0, 1),
            lambda: LogNormal.of_moments(-1, 1),
            lambda: LogNormal.fitted([0.5], [3]),
            lambda: LogNormal.fitted([0.0, 0.5], [1, 3]),
            lambda: Quantiles((0.0, 0.5), (1, 2)),
            lambda: Quantiles((0.0, 0.5, 1.0), (1, 3, 2)),
            lambda: Quantiles((0.0, 1.0), (0, 2)),
            lambda: PowerLaw.of_mean(10, 5),
            lambda: published("azure"),
        ],
    )
    def test_what_is_no_distribution_is_refused(self, make):
        """Parameters out of range are refused."""
        with pytest.raises(OptionError):
            make()
