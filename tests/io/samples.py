"""One tiny hand-typed text per layout, with the format that must be detected."""

from __future__ import annotations

JSPLIB = """\
# a comment, as the library's files have
2 3
0 3 1 2  2 2
2 4 0 1  1 5
"""

JSPLIB_FROM_ONE = """\
2 3
1 3 2 2  3 2
3 4 1 1  2 5
"""

OR_LIBRARY = """\
 +++++++++++++++++++++++++++++
 instance first

 +++++++++++++++++++++++++++++
 A small one
 1 2
 1 7 0 8
 +++++++++++++++++++++++++++++
 instance second

 +++++++++++++++++++++++++++++
 Another, 2 by 2
 2 2
 0 1 1 2
 1 3 0 4
 +++ EOF +++++++++++++++++++++
"""

TAILLARD = """\
Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound
           2           3   840612802   398197754        1231        1005
Times
  3  2  2
  4  1  5
Machines
  1  2  3
  3  1  2
"""

TAILLARD_BARE = """\
2 3
3 2 2
4 1 5
1 2 3
3 1 2
"""

TAILLARD_TWO = TAILLARD + TAILLARD.replace(" 4  1  5", " 9  9  9")

FLOWSHOP = """\
number of jobs, number of machines, initial seed, upper bound and lower bound :
           3           2   873654221        1278        1232
processing times :
  5  6  7
  1  2  3
"""

FLOWSHOP_BARE = """\
3 2
5 6 7
1 2 3
"""

FLOWSHOP_PAIRS = """\
3 2
0 5 1 1
0 6 1 2
0 7 1 3
"""

OPENSHOP = """\
2 3
5 0 7
1 2 3
"""

OPENSHOP_TAILLARD = """\
number of jobs, number of machines, time seed, machine seed, upper bound, lower bound :
           2           3  1166510396   164000672         193         186
processing times :
 54 34 61
  9 15 89
machines :
  3  1  2
  2  3  1
"""

FJSPLIB = """\
2 3 1.5
2  2 1 5 3 4  1 2 6
1  1 3 7
"""

FJSPLIB_INTEGER = FJSPLIB.replace("1.5", "2")

FJSPLIB_SHORT = FJSPLIB.replace(" 1.5", "")

FJSPLIB_FROM_ZERO = """\
2 3
2  2 0 5 2 4  1 1 6
1  1 2 7
"""

FAJSP = """\
# Number of jobs: 2
4 2 2
0 2
1 2
2 0 3 1 4
1 1 5
1 0 6
2 1 7 0 8
"""

DCT = """\
2 3
0 5 1 6 0 7 -1 -1
2 8 -1 -1
"""

BEL = """\
3 3
0 5 1 6 0 7 2 1
2 8 1 1
1 1
"""

PATTERSON = """\
4 2

3 2

0 0 0 2 2 3
4 2 0 1 4
5 1 2 1 4
0 0 0 0
"""

SM = """\
************************************************************************
file with basedata            : tiny_.bas
initial value random generator: 28123
************************************************************************
projects                      :  1
jobs (incl. supersource/sink ):  4
horizon                       :  9
RESOURCES
  - renewable                 :  2   R
  - nonrenewable              :  0   N
  - doubly constrained        :  0   D
************************************************************************
PROJECT INFORMATION:
pronr.  #jobs rel.date duedate tardcost  MPM-Time
    1      2      0       38       26       38
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        1          1           4
   3        1          1           4
   4        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  R 2
------------------------------------------------------------------------
  1      1     0       0    0
  2      1     4       2    0
  3      1     5       1    2
  4      1     0       0    0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1  R 2
    3    2
************************************************************************
"""

MM = """\
************************************************************************
file with basedata            : mm_.bas
initial value random generator: 1
************************************************************************
projects                      :  1
jobs (incl. supersource/sink ):  3
horizon                       :  9
RESOURCES
  - renewable                 :  1   R
  - nonrenewable              :  1   N
  - doubly constrained        :  0   D
************************************************************************
PROJECT INFORMATION:
pronr.  #jobs rel.date duedate tardcost  MPM-Time
    1      1      0        9        4        9
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          1           2
   2        2          1           3
   3        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  N 1
------------------------------------------------------------------------
  1      1     0       0    0
  2      1     3       2    0
         2     9       1    5
  3      1     0       0    0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1  N 1
    2    7
************************************************************************
"""

MMLIB = """\
jobs  (incl. supersource/sink ):\t3
RESOURCES
- renewable                 : 1 R
- nonrenewable              : 1 N
- doubly constrained        : 0 D
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
1\t1\t1\t\t2\x20
2\t2\t1\t\t3\x20
3\t1\t0\t\t
************************************************************************
REQUESTS/DURATIONS
jobnr.\tmode\tdur\tR1\tN1
************************************************************************
1\t1\t0\t0\t0
2\t1\t3\t2\t0
\t2\t9\t1\t5
3\t1\t0\t0\t0
************************************************************************
RESOURCE AVAILABILITIES
\tR 1\tN 1
\t2\t7
************************************************************************
"""

PROGEN_MAX = """\
2\t2\t0\t0
0\t1\t2\t2\t1\t[0]\t[0]
1\t1\t1\t3\t[4]
2\t1\t2\t3\t1\t[5]\t[-3]
3\t1\t0
0\t1\t0\t0\t0
1\t1\t4\t2\t0
2\t1\t5\t1\t2
3\t1\t0\t0\t0
3\t2
"""

JSON = """\
{"format": "makespan-problem", "version": 1, "name": "tiny",
 "resources": [{"name": "M", "kind": "machine"}, {"name": "crew", "kind": "renewable", "capacity": 2}],
 "jobs": [{"name": "J", "due": 9}],
 "tasks": [
  {"name": "cut", "job": "J", "modes": [{"duration": 3, "demands": {"M": 1, "crew": 2}}]},
  {"name": "weld", "job": "J", "modes": [{"duration": 4, "demands": {"crew": 1}}, {"duration": 2}]}],
 "precedences": [{"from": "cut", "to": "weld", "max_lag": 5}]}
"""

SAMPLES: dict[str, tuple[str, str]] = {
    "jsplib": ("jsplib", JSPLIB),
    "jsplib-from-one": ("jsplib", JSPLIB_FROM_ONE),
    "taillard": ("taillard", TAILLARD),
    "taillard-bare": ("taillard", TAILLARD_BARE),
    "flowshop": ("flowshop", FLOWSHOP),
    "flowshop-bare": ("flowshop", FLOWSHOP_BARE),
    "flowshop-pairs": ("flowshop", FLOWSHOP_PAIRS),
    "openshop": ("openshop", OPENSHOP),
    "openshop-taillard": ("openshop", OPENSHOP_TAILLARD),
    "fjsplib": ("fjsplib", FJSPLIB),
    "fjsplib-integer": ("fjsplib", FJSPLIB_INTEGER),
    "fjsplib-short": ("fjsplib", FJSPLIB_SHORT),
    "fjsplib-from-zero": ("fjsplib", FJSPLIB_FROM_ZERO),
    "fajsp": ("fajsp", FAJSP),
    "dct": ("dct", DCT),
    "bel": ("bel", BEL),
    "patterson": ("patterson", PATTERSON),
    "psplib-sm": ("psplib-sm", SM),
    "psplib-mm": ("psplib-mm", MM),
    "mmlib": ("psplib-mm", MMLIB),
    "progen-max": ("progen-max", PROGEN_MAX),
    "json": ("json", JSON),
}
"""Texts of one instance by layout: (format, text)."""
