/** `npm run release:schema`: keeps the schema as it is released. From then on test/contract/schema-compatibility.test.ts refuses what would break its clients. */
import { printSchema } from 'graphql';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { loadSchema } from '../src/server/graphql/schema.ts';

await writeFile(resolve(import.meta.dirname, '../docs/released.graphql'), `${printSchema(loadSchema())}\n`);
