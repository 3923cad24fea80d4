"""The pages of `xtremor align` and `xtremor select`."""
