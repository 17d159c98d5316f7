#!/bin/sh
# The ring protocol must need no lock and no memory: check_queue_symbols.sh NM QUEUE_PROTOCOL_OBJECT
set -eu
symbols=$("$1" "$2")
echo "$symbols"
for wanted in queue_push_extern queue_pop_extern; do
    echo "$symbols" | grep -q " [Tt] $wanted\$" || { echo "no $wanted in $2"; exit 1; }
done
if echo "$symbols" | grep -Ei 'mutex|futex|malloc|calloc|realloc|free|memalign|pthread|sem_|cond_|syscall|sched_|__atomic_'; then
    echo "the ring protocol refers to a lock or to memory"
    exit 1
fi
