# SPDX-License-Identifier: Apache-2.0
"""The tiny template language that both generators (commands, stories) are written in.

  "(a|b|)"   one of the alternatives, which may be nested and may be empty
  "{slot}"   replaced from a dict after the alternatives are chosen
"""
import re

_GROUP = re.compile(r"\(([^()]*)\)")


def expand(r, template):
    """Choose one alternative of every group, innermost first, with the random source r."""
    while True:
        m = _GROUP.search(template)
        if not m:
            return re.sub(r"  +", " ", template)
        template = template[:m.start()] + r.choice(m.group(1).split("|")) + template[m.end():]


def weighted(r, table):
    """table: list of (weight, value)."""
    x = r.random() * sum(w for w, _ in table)
    for w, v in table:
        x -= w
        if x < 0:
            return v
    return table[-1][1]
