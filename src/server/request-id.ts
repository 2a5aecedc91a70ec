import type { RequestHandler } from 'express';
import { randomUUID } from 'node:crypto';
import { withLogFields } from '../log-context.ts';

const HEADER = 'X-Request-Id';
/** What a proxy may have set; anything else would let a caller write into the log. */
const WELL_FORMED = /^[\w.:-]{1,100}$/;

/** Each request has an id: the proxy's, else one of ours. The answer carries it, and so do the lines of the log that the request causes. */
export const requestId: RequestHandler = (request, response, next) => {
  const given = request.get(HEADER);
  const id = given !== undefined && WELL_FORMED.test(given) ? given : randomUUID();
  response.setHeader(HEADER, id);
  withLogFields({ request: id }, () => next());
};
