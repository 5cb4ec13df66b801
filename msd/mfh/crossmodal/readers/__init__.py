"""Readers of the paper's data sets in their published layouts, for users who have the files.

config/crossmodal/<name>.yaml says of each how it is read and trained, and what is known of the paper's set-up and what
is not. Put the files into a folder as the reader's module says, then

    snakemake --configfile config/mfh.yaml --config 'crossmodal={ravdess: /path/to/ravdess}'

or write `crossmodal:` with one line a data set into a copy of config/mfh.yaml. Results are in tables/crossmodal.md and
in the report; crossmodal/<name>/data.json says what was read.
"""
