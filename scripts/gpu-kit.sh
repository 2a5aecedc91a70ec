#!/usr/bin/env bash
# Assembles what bench/gpu.ts needs on a Linux x64 machine with a GPU and without a network: Node, onnxruntime with WebGPU, the Vulkan loader where there is one here,
# the inference sources and, unless BUNDLE=none, a bundle. The machine itself needs a GPU driver and, to make the random models, python3 with torch, numpy and onnx.
#
#     scripts/gpu-kit.sh [FOLDER]                       # default .gpu-kit; BUNDLE=models/cinegraph-small, a folder, or none
#     bash FOLDER/run.sh [options of bench/gpu.ts]      # there: unpacks into /tmp/cinegraph-gpu and measures
#
# Sizes: it says them. Node and onnxruntime are packed with xz (48 MB with the tiny bundle and the sources, as xz -1); the shipped bundle adds 38 MB, the tiny one (test/support/tiny-bundle) 1 MB. Where no more than
# 64 MiB can be carried, take BUNDLE=none and let the bundle come with the working tree: run.sh --bundle models/cinegraph-small.
set -euo pipefail
cd "$(dirname "$0")/.."
kit=${1:-.gpu-kit}
bundle=${BUNDLE:-test/support/tiny-bundle}
rm -rf "$kit"
mkdir -p "$kit/tree/node_modules" "$kit/tree/training" "$kit/tree/bench/engines" "$kit/lib"

xz -T1 -1 -c node_modules/node/bin/node >"$kit/node.xz"
xz -T1 -1 -c node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1 >"$kit/onnxruntime.xz"
for loader in /usr/lib/x86_64-linux-gnu/libvulkan.so.1 /usr/lib/chromium/libvulkan.so.1; do
  if [ -e "$loader" ]; then cp -L "$loader" "$kit/lib/libvulkan.so.1" && break; fi
done

tree="$kit/tree"
cp package.json "$tree/"
mkdir -p "$tree/src" && cp -r src/inference src/errors.ts "$tree/src/"
cp bench/gpu.ts "$tree/bench/"
cp bench/engines/gpu.ts bench/engines/pytorch.py bench/engines/pytorch_cuda.py "$tree/bench/engines/"
cp -r training/cinegraph_training "$tree/training/"
for name in onnxruntime-node onnxruntime-common zod lru-cache; do
  mkdir -p "$tree/node_modules/$(dirname "$name")"
  cp -r "node_modules/$name" "$tree/node_modules/$name"
done
rm -rf "$tree/node_modules/onnxruntime-node/bin/napi-v6"/{darwin,win32,linux/arm64}
rm -f "$tree/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1"
find "$tree" \( -name '*.map' -o -name '__pycache__' \) -prune -exec rm -rf {} +
if [ "$bundle" != none ]; then mkdir -p "$tree/models" && cp -r "$bundle" "$tree/models/bundle"; fi
tar -C "$kit" -cf - tree | xz -1 >"$kit/tree.tar.xz"
rm -rf "$tree"

cat >"$kit/run.sh" <<'RUN'
#!/usr/bin/env bash
# Unpacks once, then measures. Options go to bench/gpu.ts.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
to=${CINEGRAPH_GPU:-/tmp/cinegraph-gpu}
if [ ! -x "$to/node" ]; then
  mkdir -p "$to"
  tar -C "$to" --strip-components=1 -xJf "$here/tree.tar.xz"
  xz -dc "$here/onnxruntime.xz" >"$to/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1"
  xz -dc "$here/node.xz" >"$to/node.part"
  chmod +x "$to/node.part"
  mv "$to/node.part" "$to/node"
fi
# The machine's own loader is better than a carried one.
if ! ldconfig -p 2>/dev/null | grep -q libvulkan.so.1; then export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; fi
for icd in /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json /usr/share/vulkan/icd.d/nvidia_icd.json /etc/vulkan/icd.d/nvidia_icd.json; do
  if [ -z "${VK_ICD_FILENAMES:-}" ] && [ -e "$icd" ]; then export VK_ICD_FILENAMES=$icd; fi
done
bundle=()
if [ -d "$to/models/bundle" ]; then bundle=(--bundle "$to/models/bundle"); fi
exec "$to/node" "$to/bench/gpu.ts" "${bundle[@]}" "$@"
RUN
chmod +x "$kit/run.sh"
du -h "$kit"/*.xz && du -sh "$kit"
