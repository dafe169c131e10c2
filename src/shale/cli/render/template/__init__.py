"""Go's text/template, for `--format`: the language that Docker's users know, with Docker's functions.

    text --lexer--> tokens --parser--> nodes --compiler--> closures --runtime--> text

Invariants: the only errors are `TemplateError` and its kinds; a template from a stranger ends within the
`limits`, in time and in memory. The text of errors is Go's (position, the words that failed, why), so that
what people know how to search for is found; an unknown field also names the fields there are.

Left out: complex numbers, `call`, channels and functions as values. `len`, `slice`, `index` and `truncate`
count bytes of UTF-8, as in Go.

Reading order: `failure`, `nodes`, `lexer` with `literals`, `cursor`, `expressions`, `parser`; `scope`,
`runtime` with `elements`, `operands`, `calls`, `compiler`; `functions` with `scalars`, `comparing`,
`escaping`, `gotext` and `verbs` (printf).
"""

from __future__ import annotations

from shale.cli.render.template.compiler import Template, compile_template
from shale.cli.render.template.failure import TemplateError, UnknownField
from shale.cli.render.template.functions import HEADER_FUNCTIONS

__all__ = ["HEADER_FUNCTIONS", "Template", "TemplateError", "UnknownField", "compile_template"]
