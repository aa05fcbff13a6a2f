#!/bin/sh
# Adds the detector nli, with torch and transformers, to a virtual environment; makes the environment if it is missing.
# Called by make, from the root of the tree: scripts/setup_nli.sh .venv. Installed with pip, so that pip's own settings
# say where torch comes from: its usual build brings code for graphics cards, one for the processor alone is far smaller.
set -eu

venv="$1"
python="$venv/bin/python"
torch=2.13.0
transformers=5.23.0

install() { "$python" -m pip install --quiet --no-compile --disable-pip-version-check "$@"; }

if [ ! -x "$python" ]; then "${PYTHON:-python3}" -m venv "$venv"; fi
echo "setup-nli: 1/3 torch $torch in $venv"
install "torch==$torch"
echo "setup-nli: 2/3 transformers $transformers"
install --constraint constraints.txt "transformers==$transformers"
echo "setup-nli: 3/3 exx-nli of this tree"
install --constraint constraints.txt --editable core --editable plugins/detectors/exx-nli pytest hypothesis
echo "setup-nli: done"
