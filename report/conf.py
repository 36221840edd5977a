"""Sphinx configuration of the site; `colorlib.site` puts the figures and the executed notebooks beside this file."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
FIGURES = HERE / "figures"
sys.path.insert(0, str(HERE))
# With it, jsonschema would spend four seconds on getting ready to check addresses, of which notebooks have none.
sys.modules["rfc3987_syntax"] = None
from ledger import shown_text  # noqa: E402  # it stands beside this file

ABOUT = json.loads((FIGURES / "run.json").read_text("utf-8"))
NUMBERS = json.loads((FIGURES / "numbers.json").read_text("utf-8"))

project = "Colorizing grayscale photographs"
copyright = "text and figures CC BY 4.0, code MIT, photographs under their own licenses"
author = "the authors of colorlib"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "fold", "ledger", "mathml"]
exclude_patterns = ["downloads"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types in docstrings are words for readers, not all of them names
numfig = True

# Executed notebooks are shown as they are. Numbers of the text come from the ledger; an unknown one is an error.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
myst_enable_extensions = ["substitution", "dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_substitutions = {name: shown_text(number["text"]) for name, number in NUMBERS.items()} | {
    "built_from": f"{ABOUT['photos']} photos of the collection `{ABOUT['collection']}`, profile `{ABOUT['profile']}`"
}

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_extra_path = ["extra"]
html_css_files = ["report.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"announcement": ABOUT["notice"]} if ABOUT["notice"] else {}
