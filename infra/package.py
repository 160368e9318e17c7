"""The packages that the functions run: built in a copy, compiled, weighed.

All three run the same; the tasks function's has besides what makes covers out of pictures, which
the pages neither need nor should carry.

The copy holds the project's runtime files alone, beside an environment installed for the machine
that the functions run on, whatever this one is. Zappa stamps every file of its zip with the year
1980, so that Python would take all bytecode for stale and compile everything at each cold start;
here it is compiled so that nobody asks (unchecked hashes), which is wrong anywhere but in a copy.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.errors import DeploymentError
from infra.place import say

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000
MOST_UNZIPPED = 95 * MEGABYTE
MOST_ZIPPED = 34 * MEGABYTE

# What the functions run of the project, and what of it only development has.
PROJECT = ("bookstore", "catalog", "cart", "orders", "leaderboard", "templates")
NOT_OF_IT = ("__pycache__", "devstack", "sample", "load_sample.py", "load_sample_orders.py")

# What no function imports: the tools of Zappa's command line, gRPC for opensearch-py, and cffi's compiler.
NOT_SHIPPED = {
    "argcomplete",
    "cfn-flip",
    "click",
    "colorama",
    "grpcio",
    "hjson",
    "opensearch-protobufs",
    "pip",
    "placebo",
    "protobuf",
    "pycparser",
    "python-slugify",
    "pyyaml",
    "setuptools",
    "text-unidecode",
    "toml",
    "troposphere",
    "wheel",
}
# Botocore describes four hundred services; these are spoken to.
SERVICES = {
    "cognito-idp",
    "dynamodb",
    "dynamodbstreams",
    "lambda",
    "s3",
    "secretsmanager",
    "ses",
    "sesv2",
    "sqs",
    "sts",
}
# What botocore's list of all services' addresses calls them; the whole list is read by the first
# client that a process makes, and takes longer than the client.
ENDPOINTS = SERVICES - {"dynamodbstreams", "ses", "sesv2"} | {"email", "streams.dynamodb"}
IMAGE_LIBRARIES = {"PIL", "pillow.libs", "cv2", "wand"}
FOR_PICTURES = {"PIL", "pillow.libs"}  # of them, what the tasks function makes covers with

# The names under which `uv` knows the machines of Lambda's Python 3.12 and newer (Amazon Linux 2023).
PLATFORMS = {"x86_64": "x86_64-manylinux_2_34", "arm64": "aarch64-manylinux_2_34"}

_SECRET_NAME = re.compile(r"SECRET|PASSWORD|TOKEN|API_KEY|PRIVATE", re.IGNORECASE)
_SECRET_SHAPE = re.compile(
    rb"\bA(?:KIA|SIA)[0-9A-Z]{16}\b|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"
)
_SECRET_FILE = re.compile(r"(?:^|/)(?:\.env[^/]*|env|[^/]*\.(?:key|p12|pfx)|credentials)$")
_SHORTEST_SECRET = 12  # characters; "test" stands in many files


@dataclass(frozen=True)
class Package:
    """What was built. ``static`` holds the files that go to the bucket, under their hashed names.

    ``for_tasks`` is the tasks function's own package, where one was built.
    """

    path: Path
    static: Path
    zipped: int  # bytes
    unzipped: int  # bytes
    weights: Mapping[str, tuple[int, int]]  # by top-level name: bytes unzipped and zipped
    for_tasks: "Package | None" = None


def build(
    *, stage: str, settings: Path = ROOT / "zappa_settings.json", folder: Path | None = None
) -> Package:
    """Build a stage's packages in ``.deploy/<stage>/``, anew each time, and print what each part weighs.

    Returns that of the web function and the projector, with that of the tasks function beside it.
    Raises ``DeploymentError`` when one is too heavy, holds a secret, or cannot be built.
    """
    folder = folder or ROOT / ".deploy" / stage
    chosen = settings_of(stage, settings)
    _check_python(str(chosen["runtime"]))
    copy = folder / "package"
    if copy.exists():
        shutil.rmtree(copy)
    project, environment = copy / "shop", copy / "environment"
    site_packages = environment / "lib" / f"python{_minor()}" / "site-packages"
    architecture = str(chosen["architecture"])
    _install(site_packages, "production", architecture=architecture)
    for name in ("botocore", "boto3"):
        keep_services(site_packages / name / "data")
    _copy_project(project)
    static = _collect_static(project, folder / "static")
    _compile(project)
    _compile(site_packages)
    path, path_of_tasks = folder / "package.zip", folder / "package-of-tasks.zip"
    _zip(project, environment, stage=stage, settings=settings, to=path)
    package = weigh(path, static=static)
    report(package)
    check(package, secrets=known_secrets())
    say("  for the tasks function:")
    _install(site_packages, "pictures", architecture=architecture)
    _compile(site_packages, "PIL")
    _zip(project, environment, stage=stage, settings=settings, to=path_of_tasks)
    of_tasks = weigh(path_of_tasks, static=static)
    report(of_tasks, only=FOR_PICTURES)
    check(of_tasks, secrets=known_secrets(), with_pictures=True)
    return replace(package, for_tasks=of_tasks)


def settings_of(stage: str, path: Path = ROOT / "zappa_settings.json") -> dict[str, Any]:
    """Return a stage's Zappa settings with those that it extends, as Zappa reads them."""
    stages = json.loads(path.read_text())
    if stage not in stages:
        raise DeploymentError(f"{path.name} has no stage {stage!r}, only {', '.join(sorted(stages))}.")
    own: dict[str, Any] = stages[stage]
    return (settings_of(own["extends"], path) if "extends" in own else {}) | own


def weigh(path: Path, *, static: Path) -> Package:
    """Weigh a zip, as a whole and by what stands at its top."""
    unzipped: Counter[str] = Counter()
    zipped: Counter[str] = Counter()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            top = entry.filename.partition("/")[0]
            unzipped[top] += entry.file_size
            zipped[top] += entry.compress_size
    weights = {name: (unzipped[name], zipped[name]) for name, _ in unzipped.most_common()}
    return Package(path, static, path.stat().st_size, unzipped.total(), weights)


def report(package: Package, *, only: Container[str] | None = None) -> None:
    """Print each part's weight, or only that of some, the heaviest first; the others are one line."""
    heavy = {
        name: weight
        for name, weight in package.weights.items()
        if (weight[0] >= MEGABYTE / 10 if only is None else name in only)
    }
    rest = [weight for name, weight in package.weights.items() if name not in heavy]
    for name, (unzipped, zipped) in heavy.items():
        say(f"  {name:<32}{unzipped / MEGABYTE:7.1f} MB {zipped / MEGABYTE:7.1f} MB zipped")
    say(f"  {f'{len(rest)} others':<32}{sum(each[0] for each in rest) / MEGABYTE:7.1f} MB")
    say(
        f"  {'the package':<32}{package.unzipped / MEGABYTE:7.1f} MB {package.zipped / MEGABYTE:7.1f} MB zipped"
        f"   (at most {MOST_UNZIPPED / MEGABYTE:.0f} and {MOST_ZIPPED / MEGABYTE:.0f})"
    )


def check(package: Package, *, secrets: Iterable[str] = (), with_pictures: bool = False) -> None:
    """Refuse a package that is too heavy, carries an image library that it should not, or holds a secret.

    The one ``with_pictures`` is refused without what makes covers.
    """
    if package.unzipped > MOST_UNZIPPED or package.zipped > MOST_ZIPPED:
        raise DeploymentError(
            f"The package is too heavy: {package.unzipped / MEGABYTE:.1f} MB, {package.zipped / MEGABYTE:.1f} MB zipped."
            " The list above says what weighs so much; infra/package.py says what is left out."
        )
    wanted = FOR_PICTURES if with_pictures else set()
    if images := (IMAGE_LIBRARIES - wanted) & package.weights.keys():
        raise DeploymentError(
            f"The package carries an image library, which it does not need: {', '.join(sorted(images))}."
        )
    if missing := wanted - package.weights.keys():
        raise DeploymentError(f"The package cannot make covers: {', '.join(sorted(missing))} is not in it.")
    if found := list(secrets_in(package.path, known=secrets)):
        raise DeploymentError(f"The package holds secrets, so it is not used: {'; '.join(found)}.")


def secrets_in(path: Path, *, known: Iterable[str] = ()) -> Iterator[str]:
    """Name the files of a zip that hold one of the known secrets, or what looks like one."""
    values = [secret.encode() for secret in known if len(secret) >= _SHORTEST_SECRET]
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if _SECRET_FILE.search(entry.filename):
                yield f"{entry.filename} is a file of secrets by its name"
                continue
            content = archive.read(entry)
            if any(value in content for value in values):
                yield f"{entry.filename} holds a secret of this machine's environment"
            elif entry.filename.partition("/")[0] in {*PROJECT, "zappa_settings.py"} and _SECRET_SHAPE.search(
                content
            ):
                yield f"{entry.filename} holds what looks like a key"


def known_secrets() -> set[str]:
    """Return the values that this machine's environment and its local shop call secret."""
    told = dict(os.environ)
    for file in (ROOT / ".devstack" / "env", ROOT / ".env"):
        if file.is_file():
            pairs = (line.partition("=") for line in file.read_text().splitlines())
            told |= {f"{file}:{name}": value.strip("'\"") for name, _, value in pairs}
    return {value for name, value in told.items() if _SECRET_NAME.search(name) and "/" not in value[:1]}


def _minor() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _check_python(runtime: str) -> None:
    if runtime != f"python{_minor()}":
        raise DeploymentError(
            f"The functions run {runtime}, and this is Python {_minor()}, whose bytecode they cannot read:"
            f" install that version and make the environment anew (`rm -r .venv`, then make PYTHON={runtime} …)."
        )


def _install(site_packages: Path, requirements: str, *, architecture: str) -> None:
    """Install what the functions import, for their machine and not this one, each file by its hash.

    What an earlier call has installed stays.
    """
    if architecture not in PLATFORMS:
        raise DeploymentError(f"No architecture of Lambda: {architecture!r}; it has {', '.join(PLATFORMS)}.")
    site_packages.mkdir(parents=True, exist_ok=True)
    wanted = site_packages.parent / "requirements.txt"
    wanted.write_text("".join(_shipped((ROOT / "requirements" / f"{requirements}.txt").read_text())))
    command = [
        "uv",
        "pip",
        "install",
        "--quiet",
        "--target",
        str(site_packages),
        "--no-deps",
        "--require-hashes",
    ]
    command += ["--only-binary", ":all:", "--no-compile-bytecode", "--link-mode", "copy"]
    command += ["--python-version", _minor(), "--python-platform", PLATFORMS[architecture]]
    _run(
        [str(Path(sys.executable).with_name("uv")), *command[1:], "--requirement", str(wanted)],
        "install the packages",
    )
    (site_packages / ".lock").unlink(missing_ok=True)


def keep_services(data: Path) -> None:
    """Leave in a folder of botocore's or boto3's data what describes ``SERVICES`` and no other."""
    for described in data.iterdir():
        if described.is_dir() and described.name not in SERVICES:
            shutil.rmtree(described)
    addresses = data / "endpoints.json"
    if addresses.is_file():
        told = json.loads(addresses.read_text())
        for partition in told["partitions"]:
            partition["services"] = {
                name: service for name, service in partition["services"].items() if name in ENDPOINTS
            }
        addresses.write_text(json.dumps(told))


def _shipped(requirements: str) -> Iterator[str]:
    for block in re.split(r"(?m)^(?=[a-zA-Z0-9])", requirements):
        if block.partition("==")[0].strip() not in NOT_SHIPPED:
            yield block


def _copy_project(project: Path) -> None:
    for name in PROJECT:
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns(*NOT_OF_IT))


def _collect_static(project: Path, static: Path) -> Path:
    """Collect static files under their hashed names, for the bucket; the package keeps the list of names."""
    shutil.copytree(ROOT / "static", project / "static")
    command = [sys.executable, "-B", "-m", "django", "collectstatic", "--no-input", "--verbosity", "0"]
    environment = {"ENV_FILE": str(ROOT / ".env.example"), "DJANGO_SETTINGS_MODULE": "bookstore.settings"}
    _run(
        command,
        "collect the static files",
        cwd=project,
        environment=environment | {"PYTHONPATH": str(project)},
    )
    shutil.rmtree(project / "static")
    if static.exists():
        shutil.rmtree(static)
    shutil.move(project / "staticfiles", static)
    (project / "staticfiles").mkdir()
    shutil.move(static / "staticfiles.json", project / "staticfiles")
    return static


def _compile(root: Path, part: str = "") -> None:
    """Compile what Lambda will find in ``/var/task``, whose name tracebacks are to give; or a part of it."""
    command = [sys.executable, "-m", "compileall", "-q", "-f", "-j0", "--invalidation-mode", "unchecked-hash"]
    _run([*command, "-s", str(root), "-p", "/var/task", str(root / part)], "compile the package")


def _zip(project: Path, environment: Path, *, stage: str, settings: Path, to: Path) -> None:
    to.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "zappa.cli",
        "package",
        stage,
        "--settings_file",
        str(settings),
        "--output",
        str(to),
    ]
    _run(command, "package the functions", cwd=project, environment={"VIRTUAL_ENV": str(environment)})


def _run(
    command: list[str], doing: str, *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> None:
    done = subprocess.run(  # noqa: S603 - the commands are written above
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise DeploymentError(f"Could not {doing}; {Path(command[0]).name} said:\n{last}")
