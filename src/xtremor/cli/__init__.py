"""Commands: parse, call one function, print; no logic."""
