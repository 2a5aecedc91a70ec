/**
 * What a database lacks to match prisma/schema.prisma, found without the network: the schema engine as WebAssembly, built for the same
 * Prisma version, reads the database through @prisma/adapter-pg. Authors migrations (scripts/migration.ts) and proves in a test that the
 * migrations and the schema say the same.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ColumnTypeEnum, bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';

/** A string, not a literal: the package has no usable types. */
const ENGINE: string = '@prisma/schema-engine-wasm/schema_engine_bg';
const SCHEMA = new URL('../prisma/schema.prisma', import.meta.url);

// The types of Node do not describe WebAssembly.
const { WebAssembly: wasm } = globalThis as unknown as {
  WebAssembly: { instantiate(code: Uint8Array, imports: object): Promise<{ readonly instance: { readonly exports: Readonly<Record<string, unknown>> } }> };
};

interface EngineModule {
  __wbg_set_wasm(exports: unknown): void;
  readonly SchemaEngine: {
    new: (options: object, log: (line: string) => void, adapter: object) => Promise<{
      diff(params: object): Promise<{ readonly stdout: string | null }>;
      free(): void;
    }>;
  };
}

const CHAR = 18;
const TEXT = 25;

/** The adapter refuses Postgres' own "char" type, which the engine's catalog queries return: passed through it as text, named char behind it. */
class CatalogAdapter extends PrismaPg {
  override async connect(): ReturnType<PrismaPg['connect']> {
    const adapter = await super.connect();
    let charColumns: readonly boolean[] = [];
    const pool = adapter.underlyingDriver();
    const query = pool.query.bind(pool) as (config: unknown) => Promise<pg.QueryResult>;
    const retyped = async (config: unknown): Promise<pg.QueryResult> => {
      const result = await query(config);
      charColumns = result.fields.map(field => field.dataTypeID === CHAR);
      for (const field of result.fields) if (field.dataTypeID === CHAR) field.dataTypeID = TEXT;
      return result;
    };
    Object.assign(pool, { query: retyped });
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async params => {
      const result = await queryRaw(params);
      return { ...result, columnTypes: result.columnTypes.map((type, index) => (charColumns[index] === true ? ColumnTypeEnum.Character : type)) };
    };
    return adapter;
  }
}

/** SQL that takes a database to schema.prisma; undefined when there is nothing to do. */
export type SchemaDiff = (url: string) => Promise<string | undefined>;

/** Loads the engine. Once per process: its JavaScript half keeps views of one memory. */
export async function loadSchemaDiff(): Promise<SchemaDiff> {
  const glue = (await import(ENGINE)) as EngineModule;
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'));
  const { instance } = await wasm.instantiate(await readFile(join(folder, 'schema_engine_bg.wasm')), { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  const content = await readFile(SCHEMA, 'utf8');
  return async url => {
    const adapter = bindMigrationAwareSqlAdapterFactory(new CatalogAdapter({ connectionString: url, max: 1 }));
    const engine = await glue.SchemaEngine.new({ datamodels: undefined }, () => {}, adapter);
    try {
      const { stdout } = await engine.diff({
        from: { tag: 'schemaDatasource', files: [{ path: 'schema.prisma', content }], configDir: '.' },
        to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] },
        script: true,
        exitCode: null,
        filters: { externalTables: ['public._prisma_migrations'], externalEnums: [] },
      });
      return stdout === null || stdout.trim() === '' || stdout.includes('This is an empty migration') ? undefined : stdout;
    } finally {
      engine.free();
    }
  };
}
