#!/usr/bin/env bash
# Writes a bill of materials (CycloneDX) for the program of each image and
# processor, from the build information in it. VERSION names the release.
set -euo pipefail
cd "$(dirname "$0")/../.."

rm -rf bin/sbom
mkdir -p bin/sbom
for program in bin/images/programs/*; do
  # The tool writes the processor of its environment into the package URLs.
  GOOS=linux GOARCH=${program##*_} bin/cyclonedx-gomod bin -json -std -noserial -notimestamp \
    -version "$VERSION" -output "bin/sbom/$(basename "$program").cdx.json" "$program"
done
ls bin/sbom
