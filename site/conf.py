# ===- conf.py - Sphinx's settings of the documentation site ---------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`./bootstrap site` gathers the pages in build/site/source and builds there."""

project = "Sterna"
html_show_copyright = False

extensions = ["myst_nb", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "Sterna"

# No highlighter knows MLIR: its text is plain.
suppress_warnings = ["misc.highlighting_failure"]

# Anchors as GitHub makes them, which links in the pages use.
myst_heading_anchors = 4

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80
# `x` in a docstring is code.
default_role = "code"
# Not installed where the site is built.
autodoc_mock_imports = ["torch", "onnx", "onnxscript"]
