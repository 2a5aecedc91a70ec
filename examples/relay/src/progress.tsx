import { useMemo, useState } from 'react';
import { graphql, useMutation, useSubscription } from 'react-relay';
import type { progressMutation } from './__generated__/progressMutation.graphql';
import type { progressSubscription } from './__generated__/progressSubscription.graphql';

export function Make({ prompt }: { readonly prompt: string }) {
  const [jobId, setJobId] = useState<string | null>(null);
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
  if (jobId !== null) return <Progress jobId={jobId} />;
  return (
    <button disabled={busy} onClick={() => commit({ variables: { input: { prompt } }, onCompleted: ({ textToVideo }) => setJobId(textToVideo.job?.id ?? null) })}>
      Make it
    </button>
  );
}

/** The job in Relay's store follows its events: whatever shows it is drawn again. */
function Progress({ jobId }: { readonly jobId: string }) {
  const [done, setDone] = useState(0);
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
        onNext: (response) => setDone((before) => response?.jobEvents.tokensDone ?? before),
      }),
      [jobId],
    ),
  );
  return <progress value={done} />;
}
