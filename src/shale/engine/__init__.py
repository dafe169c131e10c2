"""The engine: opens the parts for one store and hands them out; what a Python program begins with.

Reading order: `settings` (where things are), `engine` (the parts), `images` (the library's verbs), `stream`
(progress as an iterator).
"""
