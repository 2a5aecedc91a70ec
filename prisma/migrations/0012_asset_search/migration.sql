-- Written by hand: functions are nothing that schema.prisma can say.

-- Small letters of every script, also where the database's own locale is C (as that of the embedded one is).
DO $$
DECLARE
  folding text := (SELECT 'COLLATE pg_catalog.' || quote_ident(collname) FROM pg_collation WHERE collname IN ('pg_c_utf8', 'und-x-icu') AND collencoding IN (-1, 6) ORDER BY collname LIMIT 1);
BEGIN
  EXECUTE format('CREATE FUNCTION asset_fold(words text) RETURNS text LANGUAGE sql IMMUTABLE AS %L', 'SELECT lower(words ' || coalesce(folding, '') || ')');
END $$;

CREATE OR REPLACE FUNCTION asset_search_words(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE
  RETURN to_tsvector('pg_catalog.simple'::regconfig, asset_fold(coalesce(words, ''))) || to_tsvector('pg_catalog.english'::regconfig, asset_fold(coalesce(words, '')));

CREATE FUNCTION asset_search_query(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE
  RETURN websearch_to_tsquery('pg_catalog.simple'::regconfig, asset_fold(words)) || websearch_to_tsquery('pg_catalog.english'::regconfig, asset_fold(words));

UPDATE "asset" SET "title" = "title";
