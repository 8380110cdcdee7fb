# The operator.
FROM debian:bookworm-slim AS build

RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv

# Dependencies first: their layer stays while only the operator's own code changes.
COPY requirements/operator.txt requirements/build.txt /requirements/
RUN --mount=type=secret,id=ca,required=false,target=/run/ca.crt \
    if [ -s /run/ca.crt ]; then export PIP_CERT=/run/ca.crt; fi; \
    export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1; \
    python3 -m venv /build \
 && /build/bin/pip install --require-hashes -r /requirements/build.txt \
 && python3 -m venv --without-pip /opt/venv \
 && /build/bin/pip --python /opt/venv install --require-hashes -r /requirements/operator.txt

WORKDIR /src
COPY pyproject.toml ./
COPY operator operator
COPY templates templates
COPY crds crds
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/venv install --no-deps --no-index /wheels/*.whl


FROM debian:bookworm-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*

COPY --from=build /opt/venv /opt/venv

ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp

USER 10001:10001
ENTRYPOINT ["storefront"]
CMD ["operator"]
