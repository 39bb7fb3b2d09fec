# The image of source-invoices for Airbyte's platform; see docs/airbyte.md.
FROM python:3.13-slim

WORKDIR /source
COPY requirements/build.txt requirements/tap.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt -r requirements/tap.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY tap_invoices tap_invoices
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --create-home airbyte

USER airbyte
WORKDIR /home/airbyte
ENV AIRBYTE_ENTRYPOINT="source-invoices"
ENTRYPOINT ["source-invoices"]
ARG VERSION=dev
LABEL io.airbyte.name="tap-invoices/source-invoices" io.airbyte.version="$VERSION"
