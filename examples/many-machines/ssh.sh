#!/bin/bash
# One training on machines that are reached by ssh: bash ssh.sh HOST [HOST ...]
# Wanted: passwordless ssh, convscope installed alike, and this folder and the pictures on a file system that all of them see.
set -euo pipefail

hosts=("$@")
first=${hosts[0]:?name the machines: bash ssh.sh HOST [HOST ...]}
job=convscope-$(date +%s)
each=${WORKERS_EACH:-1} # workers a machine: as many as it has GPUs

command="torchrun --nnodes ${#hosts[@]} --nproc-per-node $each --max-restarts 3 \
  --rdzv-backend c10d --rdzv-endpoint $first:29400 --rdzv-id $job \
  -m convscope train photos/ --net resnet18 --batch 256 --out runs/$job"

trap 'kill $(jobs -p) 2>/dev/null || true' INT TERM
for host in "${hosts[@]}"; do
  # -tt: the far side hears of it when this side is stopped
  ssh -tt "$host" "cd '$PWD' && exec $command" </dev/null &
done
for pid in $(jobs -p); do
  wait "$pid"
done
