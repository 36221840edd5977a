"""Sphinx extension: on pages with solutions, each is folded away until a reader wants to see it."""

from docutils import nodes

SHOWN = 2  # children of a section that stay visible: its title, and the exercise


class Solution(nodes.General, nodes.Element):
    """What is folded."""


def setup(app):
    app.add_node(Solution, html=(_open, _close))
    app.connect("doctree-read", fold_solutions)
    return {"parallel_read_safe": True}


def fold_solutions(app, doctree):
    if not app.env.docname.startswith("notebooks/solutions/"):
        return
    for section in list(doctree.findall(nodes.section)):
        if section[0].astext().startswith("Exercise "):
            solution = Solution("", *section[SHOWN:])
            section[SHOWN:] = [solution]


def _open(translator, node):
    translator.body.append('<details class="solution"><summary>Solution</summary>\n')


def _close(translator, node):
    translator.body.append("</details>\n")
