import { createClient } from 'graphql-ws/client';
import { Environment, Network, Observable, RecordSource, Store, type GraphQLResponse, type RequestParameters, type Variables } from 'relay-runtime';

/** Queries and mutations over HTTP, subscriptions over graphql-ws. */
export function createEnvironment(url: string): Environment {
  const socket = createClient({ url: `${url.replace(/^http/, 'ws')}/graphql` });

  async function fetchOnce({ text }: RequestParameters, variables: Variables): Promise<GraphQLResponse> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: text, variables }),
    });
    return (await response.json()) as GraphQLResponse;
  }

  function subscribe({ text }: RequestParameters, variables: Variables): Observable<GraphQLResponse> {
    return Observable.create((sink) =>
      socket.subscribe(
        { query: text ?? '', variables },
        {
          next: (result) => sink.next(result as GraphQLResponse),
          error: (error) => sink.error(error instanceof Error ? error : new Error(JSON.stringify(error))),
          complete: () => sink.complete(),
        },
      ),
    );
  }

  return new Environment({ network: Network.create(fetchOnce, subscribe), store: new Store(new RecordSource()) });
}
