"""Best-known makespans of the named instances, with source and date, for reports.

Engines never read this module: a bound from a table is not a proof of theirs. Tables of this kind
move; each entry says when and where it was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from makespan.generators.taillard import canonical_name


@dataclass(frozen=True, slots=True)
class BestKnown:
    """What the literature knows about the makespan of an instance.

    Attributes
    ----------
    lower, upper
        Proven lower bound and best value found; equal when optimality is proven.
    source
        Where the pair was read or how it was computed.
    date
        Year and month of the source.
    note
        What the values refer to, if that is not exactly the Problem of the same name.
    """

    name: str
    lower: int
    upper: int
    source: str
    date: str
    note: str = ""

    @property
    def optimal(self) -> bool:
        """Whether the upper value is proven optimal."""
        return self.lower == self.upper

    def gap(self, value: int) -> float:
        """Relative distance (value - upper) / upper of a makespan to the best known one."""
        return (value - self.upper) / self.upper


_JOB_SHOP_SOURCE: Final = "ScheduleOpt/benchmarks, job shop bks.json"
_JOB_SHOP_DATE: Final = "2026-06"

_CLASSIC: Final[dict[str, int]] = {
    "ft06": 55,
    "ft10": 930,
    "ft20": 1165,
    "la01": 666,
    "la02": 655,
    "la03": 597,
    "la04": 590,
    "la05": 593,
}

# fmt: off
_TA_LOWER: Final = (
    1231, 1244, 1218, 1175, 1224, 1238, 1227, 1217, 1274, 1241,
    1357, 1367, 1342, 1345, 1339, 1360, 1462, 1396, 1332, 1348,
    1642, 1600, 1557, 1644, 1595, 1643, 1680, 1603, 1625, 1562,
    1764, 1774, 1791, 1828, 2007, 1819, 1771, 1673, 1795, 1658,
    1926, 1900, 1809, 1961, 1997, 1976, 1827, 1921, 1938, 1848,
    2760, 2756, 2717, 2839, 2679, 2781, 2943, 2885, 2655, 2723,
    2868, 2869, 2755, 2702, 2725, 2845, 2825, 2784, 3071, 2995,
    5464, 5181, 5568, 5339, 5392, 5342, 5436, 5394, 5358, 5183,
)
_TA_UPPER: Final = (
    1231, 1244, 1218, 1175, 1224, 1238, 1227, 1217, 1274, 1241,
    1357, 1367, 1342, 1345, 1339, 1360, 1462, 1396, 1332, 1348,
    1642, 1600, 1557, 1644, 1595, 1643, 1680, 1603, 1625, 1584,
    1764, 1783, 1791, 1828, 2007, 1819, 1771, 1673, 1795, 1669,
    2005, 1937, 1846, 1978, 1997, 2002, 1889, 1937, 1960, 1923,
    2760, 2756, 2717, 2839, 2679, 2781, 2943, 2885, 2655, 2723,
    2868, 2869, 2755, 2702, 2725, 2845, 2825, 2784, 3071, 2995,
    5464, 5181, 5568, 5339, 5392, 5342, 5436, 5394, 5358, 5183,
)

_FLOW_LOWER: Final = (
    1232, 1290, 1073, 1268, 1198, 1180, 1226, 1170, 1206, 1082,
    1448, 1479, 1407, 1308, 1325, 1290, 1388, 1363, 1472, 1356,
    1911, 1711, 1844, 1810, 1899, 1875, 1875, 1880, 1840, 1900,
    2712, 2808, 2596, 2740, 2837, 2793, 2689, 2667, 2527, 2776,
    2907, 2821, 2801, 2968, 2908, 2941, 3062, 2959, 2795, 3046,
    3480, 3424, 3351, 3336, 3313, 3460, 3427, 3383, 3457, 3438,
    5437, 5208, 5130, 4963, 5195, 5063, 5198, 5038, 5385, 5272,
    5759, 5345, 5623, 5732, 5431, 5246, 5523, 5556, 5779, 5830,
    5851, 6099, 6099, 6072, 6009, 6144, 5991, 6084, 5979, 6298,
    10816, 10422, 10886, 10794, 10437, 10255, 10761, 10663, 10348, 10616,
    10979, 10947, 11150, 11127, 11132, 11085, 11194, 11126, 10965, 11122,
    25922, 26353, 26320, 26424, 26181, 26401, 26300, 26429, 25891, 26315,
)
_FLOW_UPPER: Final = (
    1278, 1359, 1081, 1293, 1235, 1195, 1234, 1206, 1230, 1108,
    1582, 1659, 1496, 1377, 1419, 1397, 1484, 1538, 1593, 1591,
    2297, 2099, 2326, 2223, 2291, 2226, 2273, 2200, 2237, 2178,
    2724, 2834, 2621, 2751, 2863, 2829, 2725, 2683, 2552, 2782,
    2991, 2867, 2839, 3063, 2976, 3006, 3093, 3037, 2897, 3065,
    3850, 3704, 3640, 3723, 3611, 3680, 3704, 3691, 3743, 3756,
    5493, 5268, 5175, 5014, 5250, 5135, 5246, 5094, 5448, 5322,
    5770, 5349, 5676, 5781, 5467, 5303, 5595, 5617, 5871, 5845,
    6202, 6183, 6271, 6269, 6314, 6364, 6268, 6401, 6275, 6434,
    10862, 10480, 10922, 10889, 10524, 10329, 10854, 10730, 10438, 10675,
    11195, 11203, 11281, 11275, 11259, 11176, 11360, 11334, 11192, 11288,
    26059, 26520, 26371, 26456, 26334, 26477, 26389, 26560, 26005, 26457,
)
# fmt: on
_FLOW_SOURCE: Final = (
    "upper: PyJobShop/Experiments bks.csv (tfs056: a schedule of 3680 evaluated here); "
    "lower: machine and job bound of Taillard 1993"
)
_FLOW_DATE: Final = "2025-02"

_OPEN_UPPER: Final[dict[int, tuple[int, ...]]] = {
    4: (193, 236, 271, 250, 295, 189, 201, 217, 261, 217),
    5: (300, 262, 323, 310, 326, 312, 303, 300, 353, 326),
    7: (435, 443, 468, 463, 416, 451, 422, 424, 458, 398),
    10: (637, 588, 598, 577, 640, 538, 616, 595, 595, 596),
    15: (937, 918, 871, 934, 946, 933, 891, 893, 899, 902),
    20: (1155, 1241, 1257, 1248, 1256, 1204, 1294, 1169, 1289, 1241),
}
_OPEN_SOURCE: Final = "proven here with OR-Tools CP-SAT 9.15; from 7x7 on most equal the load bound"
_OPEN_DATE: Final = "2026-11"


def best_known(name: str) -> BestKnown | None:
    """The best-known makespan of a named instance (or an alias), None if none is on record."""
    name = canonical_name(name)
    if name in _CLASSIC:
        value = _CLASSIC[name]
        return BestKnown(name, value, value, _JOB_SHOP_SOURCE, _JOB_SHOP_DATE)
    if re.fullmatch(r"ta\d{2}", name) and 1 <= int(name[2:]) <= len(_TA_UPPER):
        k = int(name[2:]) - 1
        return BestKnown(name, _TA_LOWER[k], _TA_UPPER[k], _JOB_SHOP_SOURCE, _JOB_SHOP_DATE)
    if re.fullmatch(r"tfs\d{3}", name) and 1 <= int(name[3:]) <= len(_FLOW_UPPER):
        k = int(name[3:]) - 1
        return BestKnown(name, _FLOW_LOWER[k], _FLOW_UPPER[k], _FLOW_SOURCE, _FLOW_DATE)
    if match := re.fullmatch(r"tos(\d+)x\1_([1-9]\d*)", name):
        values = _OPEN_UPPER.get(int(match.group(1)), ())
        k = int(match.group(2)) - 1
        if k < len(values):
            return BestKnown(name, values[k], values[k], _OPEN_SOURCE, _OPEN_DATE)
    return None
