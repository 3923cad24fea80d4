"""Studies: a graph of stages from one TOML file, planned, stored by content, run anywhere and resumed."""
