/** Clients that others made, each as its documentation sets it up: a query, a mutation and a subscription that resumes. */
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache, type TypedDocumentNode } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import { cacheExchange, Client as UrqlClient, fetchExchange, subscriptionExchange } from 'urql';
import { createCinegraphClient } from '../../src/client/index.ts';
import { GenerateDocument, GetSystemDocument, JobEventsDocument, type GenerateMutation, type GetSystemQuery, type JobEventsSubscription } from '../../src/client/generated/operations.ts';

export interface OutsideClient {
  version(): Promise<string | undefined>;
  /** Id of the new job. */
  generate(prompt: string): Promise<string | undefined>;
  /** The numbers of all events of a job, over lost connections. */
  follow(jobId: string): Promise<number[]>;
  close(): Promise<void> | void;
}

type Event = JobEventsSubscription['jobEvents'];
const QUERY = GetSystemDocument.toString();
const MUTATION = GenerateDocument.toString();
const SUBSCRIPTION = JobEventsDocument.toString();
const input = (prompt: string) => ({ input: { textToVideo: { prompt, seed: 5 } } });
const socketUrl = (url: string) => `${url.replace(/^http/, 'ws')}/graphql`;
/** Far more than any test cuts; what fails for another reason ends here. */
const MAX_TRIES = 50;

/** What an application does about lost connections: subscribe again after the last event that it saw. */
async function resuming(subscribe: (afterSeq: number, next: (event: Event) => void) => Promise<void>): Promise<number[]> {
  const seen: Event[] = [];
  const ended = () => seen.at(-1)?.__typename === 'JobFinished';
  for (let tries = 0; !ended() && tries < MAX_TRIES; tries += 1) {
    await subscribe(seen.at(-1)?.seq ?? 0, (event) => void seen.push(event)).catch(() => undefined);
  }
  if (!ended()) throw new Error(`no end after ${MAX_TRIES} connections and ${seen.length} events`);
  return seen.map((event) => event.seq);
}

/** Apollo Client 4: HttpLink, and GraphQLWsLink over graphql-ws. */
export function apollo(url: string): OutsideClient {
  const socket = createSocketClient({ url: socketUrl(url), retryAttempts: 0 });
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes: { Asset: ['VideoAsset', 'ImageAsset'] } }),
    link: ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION, new GraphQLWsLink(socket), new HttpLink({ uri: `${url}/graphql` })),
  });
  return {
    async version() {
      const query: TypedDocumentNode<GetSystemQuery> = gql(QUERY);
      return (await client.query({ query })).data?.system.version;
    },
    async generate(prompt) {
      const mutation: TypedDocumentNode<GenerateMutation> = gql(MUTATION);
      return (await client.mutate({ mutation, variables: input(prompt) })).data?.payload.job?.id;
    },
    follow: (jobId) =>
      resuming((afterSeq, next) => {
        const query: TypedDocumentNode<JobEventsSubscription> = gql(SUBSCRIPTION);
        return new Promise((resolve, reject) => {
          client.subscribe({ query, variables: { jobId, afterSeq, previews: true }, fetchPolicy: 'no-cache' }).subscribe({
            next: ({ data, error }) => (data == null ? reject(error ?? new Error('no data')) : next(data.jobEvents)),
            error: reject,
            complete: resolve,
          });
        });
      }),
    async close() {
      client.stop();
      await socket.dispose();
    },
  };
}

/** urql 5: fetchExchange, and subscriptionExchange over graphql-ws. */
export function urql(url: string): OutsideClient {
  const socket = createSocketClient({ url: socketUrl(url), retryAttempts: 0 });
  const client = new UrqlClient({
    url: `${url}/graphql`,
    preferGetMethod: false,
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables: variables as Record<string, unknown> }, sink as Parameters<typeof socket.subscribe>[1]) }),
        }),
      }),
    ],
  });
  return {
    version: async () => (await client.query<GetSystemQuery>(QUERY, {}).toPromise()).data?.system.version,
    generate: async (prompt) => (await client.mutation<GenerateMutation>(MUTATION, input(prompt)).toPromise()).data?.payload.job?.id,
    follow: (jobId) =>
      resuming((afterSeq, next) =>
        new Promise((resolve, reject) => {
          const { unsubscribe } = client.subscription<JobEventsSubscription>(SUBSCRIPTION, { jobId, afterSeq, previews: true }).subscribe(({ data, error }) => {
            if (data !== undefined && error === undefined) next(data.jobEvents);
            if (error === undefined && data?.jobEvents.__typename !== 'JobFinished') return;
            queueMicrotask(() => unsubscribe());
            if (error === undefined) resolve();
            else reject(error);
          });
        }),
      ),
    close: () => socket.dispose(),
  };
}

/** graphql-ws alone. It connects again by itself; `afterSeq` is read anew each time, because the payload is made into text each time. */
export function graphqlWs(url: string): OutsideClient {
  const client = createSocketClient({ url: socketUrl(url), retryAttempts: MAX_TRIES, retryWait: async () => undefined, shouldRetry: () => true });
  const once = async <Data>(query: string, variables: Record<string, unknown>): Promise<Data | null | undefined> => {
    for await (const { data } of client.iterate<Data>({ query, variables })) return data;
    return undefined;
  };
  return {
    version: async () => (await once<GetSystemQuery>(QUERY, {}))?.system.version,
    generate: async (prompt) => (await once<GenerateMutation>(MUTATION, input(prompt)))?.payload.job?.id,
    async follow(jobId) {
      const seen: number[] = [];
      const variables = {
        jobId,
        previews: true,
        get afterSeq() {
          return seen.at(-1) ?? 0;
        },
      };
      for await (const { data } of client.iterate<JobEventsSubscription>({ query: SUBSCRIPTION, variables })) if (data != null) seen.push(data.jobEvents.seq);
      return seen;
    },
    close: () => client.dispose(),
  };
}

/** graphql-sse, distinct connections mode. */
export function graphqlSse(url: string): OutsideClient {
  const client = createSseClient({ url: `${url}/graphql/stream`, retryAttempts: 0 });
  const once = async <Data>(query: string, variables: Record<string, unknown>): Promise<Data | null | undefined> => {
    for await (const { data } of client.iterate<Data>({ query, variables })) return data;
    return undefined;
  };
  return {
    version: async () => (await once<GetSystemQuery>(QUERY, {}))?.system.version,
    generate: async (prompt) => (await once<GenerateMutation>(MUTATION, input(prompt)))?.payload.job?.id,
    follow: (jobId) =>
      resuming(async (afterSeq, next) => {
        const variables = { jobId, afterSeq, previews: true };
        for await (const { data } of client.iterate<JobEventsSubscription>({ query: SUBSCRIPTION, variables })) if (data != null) next(data.jobEvents);
      }),
    close: () => client.dispose(),
  };
}

/** Our own. */
export function cinegraph(url: string): OutsideClient {
  const client = createCinegraphClient({ url });
  return {
    version: async () => (await client.system()).version,
    generate: async (prompt) => (await client.textToVideo({ prompt, seed: 5 })).id,
    follow: (jobId) => Array.fromAsync(client.watchJob(jobId, { previews: true }), (event) => event.seq),
    close: () => client.close(),
  };
}
