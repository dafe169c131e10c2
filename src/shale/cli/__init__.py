"""The command line: docker's names, flags, output and exit codes.

The only reader of argv and of the environment, and the only writer to a terminal. Commands are imported when
they run, so that a light one (`shale image ls`) pays for nothing that it does not use.

Reading order: `main`, `tree` (which command is where), `framework` (click, dressed as docker), `session` (what
a command is given), `namespaced` (ordinary users as root), `options`, `commands/` with `several`, `asking`,
`inspecting`, `inspection` and `running/`; `output` and `render/` (values to text), `progress`, `exit` (errors
to codes); `shells`, `naming` and `completing` (completion).
"""
