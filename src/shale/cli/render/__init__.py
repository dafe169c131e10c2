"""Values as text: tables, Go templates, units, JSON. Pure: strings in, strings out.

Nothing here reads a clock, an environment or a terminal; what depends on them is an argument.

Invariants: text from outside never moves the cursor of a terminal (`safe`); a template never runs for ever
and never fills the memory, whatever it says (`template.limits`); `units` and `table` import nothing heavy,
because `image ls` waits for them.

Reading order: `units`, `safe`, `table`, `rows`, `values`, `floats`, `jsontext`, then `template/`.
"""
