"""Replace parts of a `torch.fx` graph that do what a pattern does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from jtorch.fx._symbolic_trace import symbolic_trace
from jtorch.fx.graph import Graph
from jtorch.fx.graph_module import GraphModule
from jtorch.fx.node import Node

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]


class Match(NamedTuple):
    """A part of a graph that a pattern matches: the pattern's node of the result, and pattern node -> node."""

    anchor: Node
    nodes_map: dict[Node, Any]


class ReplacedPatterns(NamedTuple):
    """A match, and the nodes that replace it."""

    anchor: Node
    nodes_map: dict[Node, Any]
    replacements: list[Node]


def replace_pattern(
    gm: GraphModule, pattern: Callable | GraphModule, replacement: Callable | GraphModule
) -> list[Match]:
    """Replace each part of a module's graph that computes what `pattern` does by what `replacement` does.

    A part matches by what it calls and what flows where, not by names. Parts do not overlap: of two that do the first is
    replaced. A part of which another node uses an inner result stays.

    Args:
        pattern, replacement: functions of the same number of arguments; what is passed stands for any value.

    >>> traced = torch.fx.symbolic_trace(lambda x: torch.relu(torch.neg(x)) + 1)
    >>> matches = torch.fx.replace_pattern(traced, lambda a: torch.relu(torch.neg(a)), lambda a: torch.abs(a))
    >>> print(len(matches), traced(torch.tensor([-2.0, 3.0])))
    1 tensor([3., 4.])
    """
    return [Match(anchor, nodes) for anchor, nodes, _ in replace_pattern_with_filters(gm, pattern, replacement)]


def replace_pattern_with_filters(
    gm: GraphModule,
    pattern: Callable | Graph | GraphModule,
    replacement: Callable | Graph | GraphModule,
    match_filters: list[Callable] | None = None,
    ignore_literals: bool = False,
) -> list[ReplacedPatterns]:
    """As `replace_pattern`, of the matches that pass all filters.

    Args:
        match_filters: functions of (match, the graph, the pattern's graph) that say whether to replace a match.
        ignore_literals: whether a number or text in the pattern matches any other.

    >>> traced = torch.fx.symbolic_trace(lambda x: torch.add(x, 1) * torch.add(x, 2))
    >>> made = torch.fx.subgraph_rewriter.replace_pattern_with_filters(
    ...     traced, lambda a: torch.add(a, 1), lambda a: torch.sub(a, 1), ignore_literals=True)
    >>> print(len(made), traced(torch.tensor(5)))
    2 tensor(16)
    """
    wanted, instead = _graph_of(pattern), _graph_of(replacement)
    matches = [
        found
        for found in _found_parts(gm.graph, wanted, ignore_literals)
        if all(keep(found, gm.graph, wanted) for keep in match_filters or ())
    ]
    moved: dict[Node, Any] = {}  # a result that was replaced -> what replaces it
    made = [_put_in_place(gm.graph, found, wanted, instead, moved) for found in matches]
    gm.recompile()
    return made


def _graph_of(code):
    if isinstance(code, Graph):
        return code
    return code.graph if isinstance(code, GraphModule) else symbolic_trace(code).graph


def _returned_nodes(graph):
    """The nodes that a graph returns, each once."""
    return graph.output_node().all_input_nodes


def _found_parts(graph, pattern, ignore_literals):
    anchors, nodes = _returned_nodes(pattern), list(graph.nodes)
    taken: set[Node] = set()
    for chosen in itertools.product(*([n for n in nodes if _alike(a, n)] for a in anchors)):
        found: dict[Node, Any] = {}
        if not all(_stands_for(a, node, found, ignore_literals) for a, node in zip(anchors, chosen, strict=True)):
            continue
        inner = {node for at, node in found.items() if at.op != "placeholder"}
        closed = all(user in inner for node in inner - set(chosen) for user in node.users)
        if closed and not inner & taken:
            taken |= inner
            yield Match(anchors[0], found)


def _alike(at, node):
    return at.op == node.op and (at.op in ("placeholder", "output") or at.target == node.target)


def _stands_for(at, thing, found, ignore_literals):
    """Whether what a pattern's node `at` computes is `thing`; adds to `found` what stands for what."""
    if isinstance(at, Node):
        if at in found:
            return found[at] is thing or (not isinstance(thing, Node) and found[at] == thing)
        if at.op == "placeholder":
            found[at] = thing
            return True
        if not isinstance(thing, Node) or not _alike(at, thing):
            return False
        found[at] = thing
        return _stands_for(at.args, thing.args, found, ignore_literals) and _stands_for(
            at.kwargs, thing.kwargs, found, ignore_literals
        )
    if isinstance(at, tuple | list):
        same = isinstance(thing, tuple | list) and len(at) == len(thing)
        return same and all(_stands_for(a, b, found, ignore_literals) for a, b in zip(at, thing, strict=True))
    if isinstance(at, dict):
        return isinstance(thing, dict) and at.keys() == thing.keys() and all(
            _stands_for(a, thing[key], found, ignore_literals) for key, a in at.items()
        )  # fmt: skip
    return not isinstance(thing, Node) and (ignore_literals or (type(at) is type(thing) and at == thing))


def _put_in_place(graph, match, pattern, replacement, moved):
    inputs = [node for node in pattern.nodes if node.op == "placeholder"]
    for node, thing in match.nodes_map.items():
        if isinstance(thing, Node) and thing in moved:  # the result of a part that was replaced before
            match.nodes_map[node] = moved[thing]
    given = [match.nodes_map[node] for node in inputs if node in match.nodes_map]
    takes = [node for node in replacement.nodes if node.op == "placeholder"]
    if len(given) != len(takes):
        raise RuntimeError(f"the pattern has {len(given)} inputs that it uses and the replacement {len(takes)}")
    results = [match.nodes_map[node] for node in _returned_nodes(pattern)]
    users = {user for node in results for user in node.users}
    first = next((node for node in graph.nodes if node in users), None) or graph.output_node()
    before = set(graph.nodes)
    with graph.inserting_before(first):
        copied = graph.graph_copy(replacement, dict(zip(takes, given, strict=True)))
    copied = copied if isinstance(copied, tuple | list) else (copied,)
    if len(copied) != len(results):
        raise RuntimeError(f"the pattern has {len(results)} results and the replacement {len(copied)}")
    for old, new in zip(results, copied, strict=True):
        if isinstance(new, Node):
            old.replace_all_uses_with(new)
        moved[old] = new
    for node in reversed(list(pattern.nodes)):
        if node.op not in ("placeholder", "output"):
            graph.erase_node(match.nodes_map[node])
    return ReplacedPatterns(match.anchor, match.nodes_map, [node for node in graph.nodes if node not in before])
