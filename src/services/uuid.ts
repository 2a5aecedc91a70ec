const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Postgres refuses a query whose uuid is malformed; such an id names nothing. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
