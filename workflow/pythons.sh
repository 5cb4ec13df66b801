#!/bin/sh
# Make a target (default: test) with every Python that the project supports and that is here, in copies with
# environments of their own. A line for each says how it ended; status 1: one failed, or none is here.
cd "$(dirname "$0")/.." || exit 1
copies=$(mktemp -d) && trap 'rm -rf "$copies"' EXIT
tried=0 failed=0
for name in python3.11 python3.12 python3.13; do
    if ! "$name" -c '' 2>/dev/null; then
        echo "$name is not here"
        continue
    fi
    tried=1
    mkdir "$copies/$name"
    tar -cf - --exclude=./.venv --exclude=./.git --exclude=./.snakemake --exclude='./results/[!Rp]*' . |
        tar -xf - -C "$copies/$name"
    if (cd "$copies/$name" && make --no-print-directory PYTHON="$name" "${@:-test}") >"$copies/log" 2>&1; then
        echo "$name passed: $(tail -n 1 "$copies/log")"
    else
        failed=1
        tail -n 40 "$copies/log"
        echo "$name failed, as above"
    fi
    rm -rf "${copies:?}/$name"
done
[ $tried = 1 ] || echo "None of them is here: install one" >&2
[ $tried = 1 ] && [ $failed = 0 ]
