"""The official layout: identity, clusters, labels, and every way in which a folder can be wrong."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from tests_support import mutate
