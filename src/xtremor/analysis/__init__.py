"""Why and where robust training helps: how far translations lie, how stable a model is, which languages to train on."""
