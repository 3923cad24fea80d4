"""The methods: each is one step over one batch, written with `xtremor.robust.passes.Passes`."""

from xtremor.robust.methods.base import Ascending, Method, Perturbed, Runner
from xtremor.robust.methods.consistency import R3F, R4F, RDrop, RDropPaper
from xtremor.robust.methods.contextual import CreAT
from xtremor.robust.methods.freelb import FreeLB, FreeLBCode, FreeLBPlusPlus, NoiseK
from xtremor.robust.methods.noise import NEFTune, NEFTunePadded, NoiseNorms, NoiseRise, RandomNoise
from xtremor.robust.methods.pgd import FGM, PGD
from xtremor.robust.methods.plain import Plain
from xtremor.robust.methods.rsda import RSDA
from xtremor.robust.methods.sharpness import AWP, SAM
from xtremor.robust.methods.smoothness import ALUM, SMART, VAT, SMARTCode

__all__ = [
    "ALUM",
    "AWP",
    "FGM",
    "PGD",
    "R3F",
    "R4F",
    "RSDA",
    "SAM",
    "SMART",
    "VAT",
    "Ascending",
    "CreAT",
    "FreeLB",
    "FreeLBCode",
    "FreeLBPlusPlus",
    "Method",
    "NEFTune",
    "NEFTunePadded",
    "NoiseK",
    "NoiseNorms",
    "NoiseRise",
    "Perturbed",
    "Plain",
    "RDrop",
    "RDropPaper",
    "RandomNoise",
    "Runner",
    "SMARTCode",
]
