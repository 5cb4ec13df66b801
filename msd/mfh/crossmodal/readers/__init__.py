"""Readers of data sets whose files a user has, in their published layouts: one module with one class each.

The class declares its options, modalities and metric (`msd.mfh.crossmodal.reader.DataReader`); a file
config/crossmodal/<name>.yaml names the module as its reader, and says how nets are trained and what is known of the
paper's set-up and what is not. Nothing else is to be edited for a further data set. Put the files into a folder as the
reader's module says, then

    snakemake --configfile config/mfh.yaml --config 'crossmodal={ravdess: /path/to/ravdess}'

or write `crossmodal:` with one line a data set into a copy of config/mfh.yaml. Results are in tables/crossmodal.md and
in the report; crossmodal/<name>/data.json says what was read, findings.json which bad records were dropped
(`data: {records: strict}` stops at the first).
"""
