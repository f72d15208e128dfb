"""The commands, each a function from parsed arguments to an exit code.

They call the public API and print what it answers; the arguments are described in
`fewshot.parser`, and libraries are imported by the commands that need them.
"""
