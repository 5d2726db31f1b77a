#!/usr/bin/env bash
# Accepts the public API as it is: eng/accept-public-api.sh [FOLDER OF A LIBRARY ...], without one for every library that lists its API.
# PublicAPI.Unshipped.txt is written anew from what the analyzer says of an empty one. Review its difference as part of the change.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# = 0 ]; then set -- $(dirname src/*/PublicAPI.Unshipped.txt); fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
for library; do
    library=${library%/}
    list=$library/PublicAPI.Unshipped.txt
    echo '#nullable enable' >"$list"
    dotnet build -c Release "$library" -p:TreatWarningsAsErrors=false -p:MSBuildTreatWarningsAsErrors=false >"$log" || { cat "$log"; exit 1; }
    # A build builds what the library stands on, too: its project's name ends each line.
    { grep -F "[$PWD/$library/" "$log" || true; } \
        | sed -nE -e "s/^.*warning RS0016: Symbol '(.*)' is not part of the declared public API .*$/\1/p" \
            -e "s/^.*warning RS0017: Symbol '(.*)' is part of the declared API, .*$/*REMOVED*\1/p" \
        | LC_ALL=C sort -u >>"$list"
    git diff --stat -- "$list"
done
