#!/bin/sh
# Verifies a model with spin: verify.sh MODEL.pml safety|liveness holds|fails [-DNAME=VALUE ...]
# Exit: 0 the model does what was said, 1 it does not, 77 there is no spin.
set -eu
model=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
property=$2
expected=$3
shift 3
command -v spin > /dev/null || { echo "spin is not installed: skipped"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
spin "$@" -a "$model"
case $property in
safety)
    ${CC:-cc} -w -O2 -DSAFETY -DNOCLAIM -DCOLLAPSE -DMEMLIM=2000 -o pan pan.c
    ./pan -m1000000 > report
    ;;
liveness)
    ${CC:-cc} -w -O2 -DNFAIR=3 -DCOLLAPSE -DMEMLIM=2000 -o pan pan.c
    ./pan -a -f -m1000000 > report
    ;;
esac
grep -E 'errors:|states, stored|pan:[0-9]*:' report

if grep -q 'max search depth too small' report ||
    { grep -q 'not completed' report && ! grep -q 'errors: [1-9]' report; }; then
    echo "the search is not complete"
    exit 1
fi
found=fails
grep -q 'errors: 0' report && found=holds
echo "$property $found, expected: $expected"
[ "$found" = "$expected" ]
