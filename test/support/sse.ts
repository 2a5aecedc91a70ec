/** Server-sent events by hand: what came until the server completed, or until `last` was seen. */
import type { GraphqlAnswer } from './fake-server.ts';

/** All results of a subscription to something that has ended, or the first one of an endless subscription, as one answer: `data` is the list of theirs. */
export async function firstResult(url: string, query: string, variables: object, secret?: string): Promise<Pick<GraphqlAnswer, 'data' | 'errors'>> {
  const response = await fetch(`${url}/graphql/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(secret !== undefined && { authorization: `Bearer ${secret}` }) },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(60_000),
  });
  const results: Pick<GraphqlAnswer, 'data' | 'errors'>[] = [];
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/s.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (event === 'next') results.push(JSON.parse(data ?? ''));
      if (event === 'complete' || query.includes('activity')) {
        if (results.length > 0) return { data: results.flatMap((result) => result.data ?? []), errors: results.find((result) => result.errors)?.errors };
      }
    }
  }
  throw new Error(`the stream ended: ${response.status} ${text}`);
}
