#!/bin/sh
echo 'Cinegraph does not use the Prisma schema engine: migrations are applied by src/db/migrate.ts and authored by scripts/migration.ts (offline).' >&2
exit 1
