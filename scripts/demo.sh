#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the bundled model can do: it tells a story, and turns a spoken command into JSON.
set -eu
cd "$(dirname "$0")/.."
model=models/demo/ergo-demo-Q8_0.gguf

echo
echo "A story: run-model -m $model -p 'Once upon a time' --temp 0.7"
echo
printf "Once upon a time"
build/run-model -m $model -p "Once upon a time" -n 200 --temp 0.7 --seed 7

spoken="dim the kitchen light to thirty percent"
echo
echo "A spoken command, \"$spoken\":"
echo
build/run-model -m $model --special --temp 0 -n 64 -p "<|im_start|>user
$spoken<|im_end|>
<|im_start|>assistant
"
echo
