# The environment of requirements.lock with the project in /study. Not built by the project's tests: see docs/cluster.md.
#   docker build -t msd . && docker run --rm -v "$PWD/results:/study/results" msd
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends git libsndfile1 && rm -rf /var/lib/apt/lists/*
WORKDIR /study
COPY requirements.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir --no-deps -r requirements.lock \
    && pip install --no-cache-dir "$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements.lock)"
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .
CMD ["snakemake", "--configfile", "config/demo.yaml"]
