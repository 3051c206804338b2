# The production image: MySQL and Redis clients, static files collected, no compiler left inside.
FROM python:3.12-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev pkg-config libmariadb-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements/prod.txt requirements/prod.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/prod.txt

FROM python:3.12-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends libmariadb3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --create-home --uid 10001 spendtrackr
COPY --from=build /venv /venv
WORKDIR /app
COPY --chown=spendtrackr . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN mkdir -p var /files && chown spendtrackr var /files \
 && SECRET_KEY=only-while-collecting-static-files-in-the-image-build-00000 ALLOWED_HOSTS=build python manage.py collectstatic --noinput
USER spendtrackr
EXPOSE 8000
CMD ["gunicorn", "spendtrackr.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "4", "--threads", "4"]
