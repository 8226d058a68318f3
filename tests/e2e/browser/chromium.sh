#!/usr/bin/env bash
# tests/e2e/browser/chromium.sh <directory>: a headless Chromium out of an npm package, for whoever has no browser and no sudo.
set -euo pipefail
directory=${1:?say where it goes}
package=@sparticuz/chromium@147.0.0
sha512=4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ==
mkdir -p "$directory"
cd "$directory"
archive=$(npm pack --silent "$package")
[ "$(openssl dgst -sha512 -binary "$archive" | base64 -w0)" = "$sha512" ] || {
  echo "$package is not what it was: its checksum differs" >&2
  exit 1
}
tar -xzf "$archive" package/bin
node -e '
  const { brotliDecompressSync } = require("zlib"), fs = require("fs");
  for (const name of ["chromium", "al2023.tar", "swiftshader.tar"])
    fs.writeFileSync(`${name}.part`, brotliDecompressSync(fs.readFileSync(`package/bin/${name}.br`)));'
mkdir -p libraries
tar -xf al2023.tar.part -C libraries
tar -xf swiftshader.tar.part # draws the run's graph where there is no GPU; it must lie beside the browser
rm -rf package "$archive" al2023.tar.part swiftshader.tar.part
chmod +x chromium.part
mv chromium.part chromium
