import { useMemo, useState } from 'react';
import { graphql, useMutation, useSubscription } from 'react-relay';
import type { progressMutation } from './__generated__/progressMutation.graphql';
import type { progressSubscription, progressSubscription$data } from './__generated__/progressSubscription.graphql';

export function Make({ prompt }: { readonly prompt: string }) {
  const [jobId, setJobId] = useState<string | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [commit, busy] = useMutation<progressMutation>(graphql`
    mutation progressMutation($input: TextToVideoInput!) {
      textToVideo(input: $input) {
        job {
          id
        }
        userErrors {
          code
          message
        }
      }
    }
  `);
  const start = () =>
    commit({
      variables: { input: { prompt } },
      onCompleted({ textToVideo: { job, userErrors } }) {
        setJobId(job?.id ?? null);
        setFault(userErrors[0]?.message ?? null);
      },
      onError: (error) => setFault(error.message),
    });
  return (
    <section>
      <button disabled={busy} onClick={start}>
        Make "{prompt}"
      </button>
      {fault !== null && <p role="alert">{fault}</p>}
      {jobId !== null && <Progress key={jobId} jobId={jobId} />}
    </section>
  );
}

interface Seen {
  readonly tokensDone: number;
  readonly tokensTotal: number;
  /** The newest frame. */
  readonly picture: string | null;
  /** The finished clip. */
  readonly clip: string | null;
}

const NOTHING: Seen = { tokensDone: 0, tokensTotal: 1, picture: null, clip: null };

function seenAfter(seen: Seen, { frames, tokensDone, tokensTotal, job }: progressSubscription$data['jobEvents']): Seen {
  return {
    tokensDone: tokensDone ?? seen.tokensDone,
    tokensTotal: tokensTotal ?? seen.tokensTotal,
    picture: frames?.at(-1)?.url ?? seen.picture,
    clip: job?.outputs[0]?.url ?? seen.clip,
  };
}

/** The job in Relay's store follows its events: whatever shows it is drawn again. */
function Progress({ jobId }: { readonly jobId: string }) {
  const [{ tokensDone, tokensTotal, picture, clip }, setSeen] = useState(NOTHING);
  useSubscription<progressSubscription>(
    useMemo(
      () => ({
        subscription: graphql`
          subscription progressSubscription($jobId: ID!) {
            jobEvents(jobId: $jobId) {
              __typename
              seq
              ... on TokensGenerated {
                tokensDone
                tokensTotal
              }
              ... on FramesDecoded {
                frames {
                  url
                }
              }
              ... on JobFinished {
                job {
                  id
                  status
                  outputs {
                    id
                    url
                  }
                }
              }
            }
          }
        `,
        variables: { jobId },
        onNext(response) {
          if (response != null) setSeen((before) => seenAfter(before, response.jobEvents));
        },
      }),
      [jobId],
    ),
  );
  if (clip !== null) return <video src={clip} controls autoPlay loop muted />;
  return (
    <figure>
      {picture !== null && <img src={picture} alt="The newest frame" />}
      <progress value={tokensDone} max={tokensTotal} />
    </figure>
  );
}
