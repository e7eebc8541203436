#!/usr/bin/env python3
"""Makes two things of Debian's kernel package, without running anything of its architecture: the tree for
the root (/usr/lib/modules/VERSION with the kernel, and the drivers that an appliance may have), and the drivers
of the initrd as a cpio archive.

    kernel.py PACKAGE.deb.. --root FOLDER --initrd FILE
"""
import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
# Makers of our boards, whose device trees come along.
TREES = ("broadcom", "nvidia")


def patterns(name: str) -> re.Pattern:
    lines = (line.split("#")[0].strip() for line in (HERE / name).read_text().splitlines())
    return re.compile("|".join(line for line in lines if line))


def dependencies(modules: Path) -> dict[str, list[str]]:
    """What each module needs, from depmod's own file, which follows dependencies of dependencies."""
    lines = (line.split(":") for line in (modules / "modules.dep").read_text().splitlines())
    return {name: needs.split() for name, needs in lines}


def soft_dependencies(modules: Path) -> dict[str, list[str]]:
    """Modules that a module asks for by `softdep`, as paths: crc32c of ext4 is one."""
    by_name = {re.sub(r"\.ko.*", "", Path(path).name).replace("-", "_"): path for path in dependencies(modules)}
    found: dict[str, list[str]] = {}
    for line in (modules / "modules.softdep").read_text().splitlines():
        words = line.split()
        if words[:1] != ["softdep"]:
            continue
        needs = [by_name[word] for word in (w.replace("-", "_") for w in words[2:]) if word in by_name]
        if words[1].replace("-", "_") in by_name:
            found.setdefault(by_name[words[1].replace("-", "_")], []).extend(needs)
    return found


def closure(wanted: set[str], modules: Path) -> set[str]:
    hard, soft = dependencies(modules), soft_dependencies(modules)
    kept, queue = set(), sorted(wanted)
    while queue:
        path = queue.pop()
        if path not in kept:
            kept.add(path)
            queue += hard[path] + soft.get(path, [])
    return kept


def keep(modules: Path, kept: set[str]) -> None:
    for path in dependencies(modules):
        if path not in kept:
            (modules / path).unlink()
    for folder in sorted((d for d in modules.rglob("*") if d.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def depmod(root: Path, version: str) -> None:
    subprocess.run(["depmod", "-b", root / "usr", version], check=True)


def unpack(packages: list[Path], root: Path) -> str:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as unpacked:
        for package in packages:
            subprocess.run(["dpkg-deb", "--extract", package, unpacked], check=True)
        boot = Path(unpacked) / "boot"
        version = next(boot.glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
        shutil.copytree(Path(unpacked) / "usr/lib/modules", root / "usr/lib/modules", symlinks=True)
        shutil.copy2(boot / f"vmlinuz-{version}", root / "usr/lib/modules" / version / "vmlinuz")
        trees = next((Path(unpacked) / "usr/lib").glob("linux-image-*"), None)
        for vendor in TREES if trees else ():
            shutil.copytree(trees / vendor, root / "usr/lib/modules" / version / "dtb" / vendor)
    return version


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("packages", nargs="+", type=Path)
    arguments.add_argument("--root", type=Path, required=True)
    arguments.add_argument("--initrd", type=Path, required=True)
    args = arguments.parse_args()

    version = unpack(args.packages, args.root)
    modules = args.root / "usr/lib/modules" / version
    for link in ("build", "source"):
        (modules / link).unlink(missing_ok=True)
    depmod(args.root, version)
    names = {path: path.removeprefix("kernel/") for path in dependencies(modules)}
    excluded, early = patterns("modules.exclude"), patterns("modules.initrd")
    keep(modules, closure({path for path, name in names.items() if not excluded.search(name)}, modules))
    depmod(args.root, version)

    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        shutil.copytree(args.root / "usr", tree / "usr", ignore=shutil.ignore_patterns("vmlinuz", "dtb"))
        own = tree / "usr/lib/modules" / version
        keep(own, closure({path for path in dependencies(own) if early.search(path.removeprefix("kernel/"))}, own))
        depmod(tree, version)
        archive(tree, args.initrd)
    n_root = len(dependencies(modules))
    print(f"kernel {version}: {n_root} modules in the root")


def archive(tree: Path, out: Path) -> None:
    """The same bytes for the same files: names in order, no dates, owned by root."""
    script = ('find . -mindepth 1 -exec touch -h -d @0 {} + && find . -mindepth 1 | LC_ALL=C sort '
              '| cpio --quiet --create --format=newc --reproducible --owner=+0:+0 | zstd -q -15 -f -o "$1"')
    subprocess.run(["sh", "-c", script, "sh", out.resolve()], check=True, cwd=tree)


if __name__ == "__main__":
    main()
