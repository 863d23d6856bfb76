"""Rules as expression trees: read from text, evaluated without running any code of the text.

The words are p and d (time and due date of a candidate), t (the clock), p_max and p_mean (over the
candidates), numbers, + - * / and min(a, b), max(a, b). The candidate with the lowest value goes
next; of equal ones the shortest, then the one due first. A value divided by one nearer to 0 than
1e-9 stays as it is, and what is not a number goes last.

>>> tree = parse("max(p + t, d)")
>>> str(tree)
'max((p + t), d)'
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.vocabulary import IntArray
from makespan.shop.single_machine.dispatching import FloatArray, Moment, Rule
from makespan.solvers.jit import kernel

VARIABLES: Final = ("p", "d", "t", "p_max", "p_mean")
OPERATORS: Final = ("+", "-", "*", "/", "min", "max")
MOST_NODES: Final = 60
_NEARLY_ZERO: Final = 1e-9
_CONSTANT: Final = len(VARIABLES)
_FIRST_OPERATOR: Final = _CONSTANT + 1
_MOST_DEPTH: Final = MOST_NODES // 2 + 1


@dataclass(frozen=True, slots=True)
class Tree:
    """A node: an operator with two branches, a variable, or a number.

    Attributes
    ----------
    word
        One of the operators or variables, '' for a number.
    """

    word: str
    number: float = 0.0
    left: Tree | None = None
    right: Tree | None = None

    def __str__(self) -> str:
        if self.left is None or self.right is None:
            return self.word or f"{self.number:g}"
        if self.word in ("min", "max"):
            return f"{self.word}({self.left}, {self.right})"
        return f"({self.left} {self.word} {self.right})"

    def nodes(self) -> Iterator[Tree]:
        """All nodes, this one first."""
        yield self
        for branch in (self.left, self.right):
            if branch is not None:
                yield from branch.nodes()

    @property
    def size(self) -> int:
        """Number of nodes."""
        return sum(1 for _ in self.nodes())


_BINARY: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}


def parse(text: str) -> Tree:
    """The tree that a text spells.

    Raises
    ------
    FormatError
        If it uses anything but the words above, or has more than 60 nodes.
    """
    if len(text) > 40 * MOST_NODES:
        raise FormatError("the expression is too long", source="expression")
    try:
        tree = _tree(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"no expression: {error}", source=text[:60]) from error
    if tree.size > MOST_NODES:
        raise FormatError(f"{tree.size} nodes", source=text[:60], expected=f"at most {MOST_NODES}")
    return tree


def _tree(node: ast.expr) -> Tree:
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in _BINARY:
            return Tree(_BINARY[type(operator)], left=_tree(left), right=_tree(right))
        case ast.Call(func=ast.Name(id="min" | "max" as word), args=[left, right], keywords=[]):
            return Tree(word, left=_tree(left), right=_tree(right))
        case ast.Name(id=word) if word in VARIABLES:
            return Tree(word)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return _number(-number)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _number(number)
    raise ValueError(f"{ast.unparse(node)[:40]!r} is not among the words of a rule")


def _number(value: float) -> Tree:
    if not abs(value) < 1e12:
        raise ValueError(f"{value} is too large")
    return Tree("", number=float(f"{value:.3g}"))


def rule_of(tree: Tree) -> Rule:
    """The tree as a rule for :func:`makespan.shop.single_machine.dispatch`; the reference."""

    def score(now: Moment) -> FloatArray:
        words: dict[str, FloatArray | float] = {
            "p": now.processing.astype(np.float64),
            "d": now.due.astype(np.float64),
            "t": float(now.time),
            "p_max": float(now.longest),
            "p_mean": now.mean,
        }
        with np.errstate(all="ignore"):
            value = np.broadcast_to(_value(tree, words), now.job.shape)
        return np.where(np.isnan(value), np.inf, value)

    return score


def _value(tree: Tree, words: dict[str, FloatArray | float]) -> FloatArray:
    if tree.left is None or tree.right is None:
        return np.asarray(words[tree.word] if tree.word else tree.number)
    a, b = _value(tree.left, words), _value(tree.right, words)
    match tree.word:
        case "+":
            return np.asarray(a + b)
        case "-":
            return np.asarray(a - b)
        case "*":
            return np.asarray(a * b)
        case "/":
            near = np.abs(b) < _NEARLY_ZERO
            return np.asarray(np.where(near, a, a / np.where(near, 1.0, b)))
        case "min":
            return np.where(b < a, b, a)
    return np.where(b > a, b, a)


def encode(tree: Tree) -> tuple[IntArray, FloatArray]:
    """The tree in postfix order: a code per node, and the number of constant nodes, (nodes,)."""
    codes: list[int] = []
    numbers: list[float] = []

    def visit(node: Tree) -> None:
        if node.left is not None and node.right is not None:
            visit(node.left)
            visit(node.right)
            codes.append(_FIRST_OPERATOR + OPERATORS.index(node.word))
        else:
            codes.append(VARIABLES.index(node.word) if node.word else _CONSTANT)
        numbers.append(node.number)

    visit(tree)
    return np.array(codes, dtype=np.int64), np.array(numbers, dtype=np.float64)


@kernel
def tardiness_of_expression(
    codes: IntArray, numbers: FloatArray, p: FloatArray, d: FloatArray, out: FloatArray
) -> None:
    """Total tardiness of the rule on each instance; O(nodes n^2) per instance.

    Parameters
    ----------
    p, d
        Times and due dates, one instance a row, shortest first, float64 (instances, n).
    out
        Receives the total tardiness of each instance, float64 (instances,).
    """
    n = p.shape[1]
    stack = np.empty((_MOST_DEPTH, n))
    lp, ld = np.empty(n), np.empty(n)
    for row in range(len(p)):
        total = 0.0
        for i in range(n):
            lp[i] = p[row, i]
            ld[i] = d[row, i]
            total += lp[i]
        t, late = 0.0, 0.0
        for done in range(n):
            u = n - done
            top = -1
            for step in range(len(codes)):
                code = codes[step]
                if code <= _CONSTANT:
                    top += 1
                    if code == 0:
                        for i in range(u):
                            stack[top, i] = lp[i]
                    elif code == 1:
                        for i in range(u):
                            stack[top, i] = ld[i]
                    else:
                        value = numbers[step]
                        if code == 2:
                            value = t
                        elif code == 3:
                            value = lp[u - 1]
                        elif code == 4:
                            value = total / u
                        for i in range(u):
                            stack[top, i] = value
                    continue
                top -= 1
                operator = code - _FIRST_OPERATOR
                for i in range(u):
                    a, b = stack[top, i], stack[top + 1, i]
                    if operator == 0:
                        a = a + b
                    elif operator == 1:
                        a = a - b
                    elif operator == 2:
                        a = a * b
                    elif operator == 3:
                        if abs(b) >= _NEARLY_ZERO:
                            a = a / b
                    elif operator == 4:
                        if b < a:
                            a = b
                    elif b > a:
                        a = b
                    stack[top, i] = a
            place, least = -1, np.inf
            for i in range(u):
                if stack[0, i] < least:
                    least = stack[0, i]
                    place = i
            place = max(place, 0)
            t += lp[place]
            total -= lp[place]
            late += max(0.0, t - ld[place])
            for i in range(place, u - 1):
                lp[i] = lp[i + 1]
                ld[i] = ld[i + 1]
        out[row] = late
