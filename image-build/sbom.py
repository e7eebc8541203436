#!/usr/bin/env python3
"""Prints what is in an image as CycloneDX: Debian's packages, the kernel's, parotidd's crates, the networks.

    sbom.py VERSION KERNEL.deb CARGO_METADATA PACKAGES.. > FILE.cdx.json

PACKAGES are mkosi's manifests, of the root and of what starts it; CARGO_METADATA is what `cargo metadata --filter-platform
TARGET` prints. The same inputs give the same bytes: serial number and date come from them.
"""
import hashlib
import json
import os
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

REPOSITORY = Path(__file__).parents[1]


def debian(name: str, version: str, architecture: str) -> Component:
    url = PackageURL("deb", "debian", name, version, {"arch": architecture, "distro": "trixie"})
    return Component(name=name, version=version, purl=url, bom_ref=url.to_string())


def kernel(package: str) -> Component:
    """`linux-image-VERSION_VERSION_ARCHITECTURE.deb`, as apt names it."""
    name, version, architecture = Path(package).stem.split("_")
    return debian(name, version.replace("%3a", ":"), architecture)


def built_in(metadata: dict) -> set[str]:
    """Packages that are linked in: what the root needs, but not to build or to test it."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, queue = set(), [metadata["resolve"]["root"]]
    while queue:
        package = queue.pop()
        if package not in found:
            found.add(package)
            queue += [dependency["pkg"] for dependency in nodes[package]["deps"]
                      if any(kind["kind"] is None for kind in dependency["dep_kinds"])]
    return found - {metadata["resolve"]["root"]}


def crates(metadata: dict) -> list[Component]:
    linked = built_in(metadata)
    found = []
    for package in metadata["packages"]:
        if package["id"] in linked:
            url = PackageURL("cargo", None, package["name"], package["version"])
            licence = (package["license"] or "").replace("/", " OR ")
            found.append(Component(name=package["name"], version=package["version"], purl=url, bom_ref=url.to_string(),
                                   licenses=[LicenseExpression(licence)] if licence else []))
    return found


def networks() -> list[Component]:
    found = []
    for manifest in sorted((REPOSITORY / "models").glob("*er.toml")):
        model = tomllib.loads(manifest.read_text())
        digest = hashlib.sha256(manifest.with_suffix(".onnx").read_bytes()).hexdigest()
        found.append(Component(name=model["name"], version=model["version"], type=ComponentType.MACHINE_LEARNING_MODEL,
                               bom_ref=f"model:{model['name']}@{model['version']}",
                               hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)]))
    return found


def main() -> None:
    version, kernel_package, metadata, *manifests = sys.argv[1:]
    listed = [package for manifest in manifests for package in json.loads(Path(manifest).read_text())["packages"]]
    bom = Bom()
    bom.metadata.component = Component(name="parotidd appliance", version=version, type=ComponentType.OPERATING_SYSTEM,
                                       bom_ref=f"parotidd-appliance@{version}")
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    for component in [*(debian(it["name"], it["version"], it["architecture"]) for it in listed), kernel(kernel_package),
                      *crates(json.loads(Path(metadata).read_text())), *networks()]:
        bom.components.add(component)
    names = "\n".join(sorted(str(component.bom_ref) for component in bom.components))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"parotidd {version}\n{names}")
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem:
        sys.exit(f"sbom.py: not CycloneDX 1.6: {problem}")
    print(text)


if __name__ == "__main__":
    main()
