#!/usr/bin/env bash
# Builds the targets in the form that OSS-Fuzz and ClusterFuzzLite need: in $OUT, with their dictionaries and seeds.
set -euo pipefail
: "${CXX:?}" "${OUT:?}" "${LIB_FUZZING_ENGINE:?}"
source=$(cd "$(dirname "$0")/.." && pwd)
work=${WORK:-$source/build}/continuous-fuzzing

cmake -S "$source" -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBUILD_SHARED_LIBS=OFF \
    -DPUCK_BUILD_CLI=OFF -DPUCK_BUILD_TESTS=OFF -DPUCK_INSTALL=OFF \
    -DPUCK_BUILD_FUZZERS=ON -DPUCK_FUZZ_ENGINE="$LIB_FUZZING_ENGINE"
cmake --build "$work"

for program in "$work"/fuzz/*_fuzz; do
    target=$(basename "$program" _fuzz)
    cp "$program" "$OUT/"
    cp "$source/fuzz/dict/$target.dict" "$OUT/${target}_fuzz.dict"
    (cd "$source/fuzz/corpus/$target" && python3 -m zipfile -c "$OUT/${target}_fuzz_seed_corpus.zip" ./*)
done
