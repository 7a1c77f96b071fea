"""The mutants of a file: cosmic-ray finds and makes them; here stands which of its operators are taken, and two more.

cosmic-ray replaces each sign by every other, which gives eleven mutants for a `+` that fall to the same tests. One is
taken, the nearest, and both neighbours of a number.
"""

import ast
import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import OPERATOR_PROVIDERS, get_operator
from parso import parse
from parso.python.tree import ExprStmt, PythonNode

SIGNS = {
    "ReplaceBinaryOperator": "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_FloorDiv Pow_Mul "
    "BitOr_BitAnd BitAnd_BitOr BitXor_BitAnd LShift_RShift RShift_LShift",
    "ReplaceComparisonOperator": "Eq_NotEq NotEq_Eq Lt_LtE LtE_Lt Gt_GtE GtE_Gt Is_IsNot IsNot_Is",
    "ReplaceUnaryOperator": "USub_UAdd Delete_Not Delete_Invert",
}
OTHERS = (
    "AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd ReplaceBreakWithContinue "
    "ReplaceContinueWithBreak ExceptionReplacer NumberReplacer RemoveDecorator ZeroIterationForLoop"
)


class RemoveStatement(Operator):
    """An operator that leaves out a statement that acts on what exists: a call, `x += y`, `x[i] = y`, `x.y = z`."""

    def mutation_positions(self, node):
        if self._acts(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        return parse(node.get_first_leaf().prefix + "pass")

    @staticmethod
    def _acts(node):
        if node.parent is None or node.parent.type != "simple_stmt":
            return False
        if isinstance(node, ExprStmt):
            target, sign = node.children[0], node.children[1]
            return sign.type == "operator" and (sign.value != "=" or target.type in ("atom_expr", "power"))
        return isinstance(node, PythonNode) and node.type in ("atom_expr", "power")

    @classmethod
    def examples(cls):
        return (Example("x += 1\n", "pass\n"), Example("x[0] = 1\n", "pass\n"), Example("f(x)\n", "pass\n"))


class RemoveKeyword(Operator):
    """An operator that leaves out a keyword argument but `out`, without which most calls give the same numbers."""

    def mutation_positions(self, node):
        if node.type == "arglist":
            yield from [(node.children[i].start_pos, node.children[i].end_pos) for i in self._keywords(node)]

    def mutate(self, node, index):
        i = self._keywords(node)[index]
        del node.children[max(i - 1, 0) : i + 1]
        return node

    @staticmethod
    def _keywords(node):
        return [
            i
            for i, child in enumerate(node.children)
            if child.type == "argument" and child.children[1] == "=" and child.children[0].value != "out"
        ]

    @classmethod
    def examples(cls):
        return (Example("f(x, axis=0)", "f(x)"),)


class Provider(dict[str, type[Operator]]):
    """Our operators, as cosmic-ray's providers are asked for theirs."""


OPERATOR_PROVIDERS["backproof"] = Provider(RemoveStatement=RemoveStatement, RemoveKeyword=RemoveKeyword)
OPERATORS = tuple(
    [f"core/{kind}_{pair}" for kind, pairs in SIGNS.items() for pair in pairs.split()]
    + [f"core/{name}" for name in OTHERS.split()]
    + [f"backproof/{name}" for name in OPERATOR_PROVIDERS["backproof"]]
)


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        file: its path below the root of the project.
        definition: the function or class that is changed, such as `Winograd.forward`; empty for the module itself.
        operator: cosmic-ray's name of the kind of change.
        occurrence: the how manieth place of the file it is where the operator applies.
        start: line, from 1, and column.
        end: likewise.
        id: of the text that is changed and where it stands, not of its line's number: the same after edits elsewhere.
    """

    file: str
    definition: str
    operator: str
    occurrence: int
    start: tuple[int, int]
    end: tuple[int, int]
    id: str

    def code(self, source: str) -> str | None:
        """The mutated file, or None if what Python does of it is the same."""
        try:
            mutated: str = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        except AttributeError:  # cosmic-ray's ExceptionReplacer knows no name with a dot
            return None
        try:
            if ast.dump(ast.parse(mutated)) == ast.dump(ast.parse(source)):
                return None
        except SyntaxError:
            return None
        return mutated


def changed_lines(source: str, mutated: str) -> tuple[str, str]:
    """The lines that a mutant takes out, and those that it puts in, without indentation."""
    lines = list(difflib.ndiff(source.splitlines(), mutated.splitlines()))
    return tuple("\n".join(line[2:].strip() for line in lines if line[0] == sign) for sign in "-+")  # type: ignore[return-value]


def mutants(root: Path, file: str) -> Iterator[Mutant]:
    """All of a file, but for what computes nothing: annotations, imports for type checkers, what an error says."""
    text = (root / file).read_text()
    outline, lines = Outline(text), text.splitlines()
    tree = get_ast(text)
    found = ((name, node) for name in OPERATORS for node in ast_nodes(tree))
    occurrences: Counter[str] = Counter()
    same: Counter[str] = Counter()
    operators = {name: get_operator(name)() for name in OPERATORS}
    for name, node in found:
        for start, end in operators[name].mutation_positions(node):
            occurrence = occurrences[name]
            occurrences[name] += 1
            if outline.computes_nothing(start) or _is_a_star_of_a_signature(node):
                continue
            definition, line = outline.definition(start[0]), lines[start[0] - 1]
            column = start[1] - len(line) + len(line.lstrip())
            what = f"{file} {definition} {name} {column} {line.strip()}"
            key = sha1(f"{what} {same[what]}".encode()).hexdigest()[:16]
            same[what] += 1
            yield Mutant(file, definition, name, occurrence, start, end, key)


def _is_a_star_of_a_signature(node: object) -> bool:
    parent = getattr(node, "parent", None)
    return getattr(node, "type", "") == "operator" and getattr(parent, "type", "") in ("parameters", "lambdef", "param")


class Outline:
    """Which function a line belongs to, and what computes nothing."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)

    @cached_property
    def bodies(self) -> list[tuple[int, int, str, bool]]:
        """First and last line of the body, name and whether it is a function, outer before inner."""
        found: list[tuple[int, int, str, bool]] = []

        def visit(node: ast.AST, outer: str) -> None:
            for child in ast.iter_child_nodes(node):
                name = outer
                if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                    name = f"{outer}.{child.name}" if outer else child.name
                    first = min(
                        child.body[0].lineno, *(d.lineno for d in getattr(child.body[0], "decorator_list", ())), 10**9
                    )
                    found.append((first, child.end_lineno or first, name, not isinstance(child, ast.ClassDef)))
                visit(child, name)

        visit(self.tree, "")
        return found

    @property
    def functions(self) -> list[str]:
        """The names of all functions and methods."""
        return [name for _, _, name, is_function in self.bodies if is_function]

    @property
    def classes(self) -> list[str]:
        """The names of all classes."""
        return [name for _, _, name, is_function in self.bodies if not is_function]

    def definition(self, line: int) -> str:
        """The innermost function or class in whose body the line stands."""
        return next((name for first, last, name, _ in reversed(self.bodies) if first <= line <= last), "")

    @cached_property
    def _spans(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        nothing: list[ast.AST] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
                nothing.append(node.annotation)
            if isinstance(node, ast.FunctionDef) and node.returns:
                nothing.append(node.returns)
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                nothing.append(node)
            if isinstance(node, ast.Raise):
                nothing.append(node)
        return [((n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset)) for n in nothing]  # type: ignore[attr-defined]

    def computes_nothing(self, place: tuple[int, int]) -> bool:
        """Whether it stands in an annotation, in imports for type checkers, or in what is raised."""
        return any(first <= place < last for first, last in self._spans)
