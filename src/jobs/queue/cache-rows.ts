/** SQL over a row of `job`: rows of the key-value cache that it takes. Guidance takes a second one for each candidate. */
export const CACHE_ROWS = `candidates * CASE WHEN (sampling->>'guidance')::float8 = 1 THEN 1 ELSE 2 END`;
