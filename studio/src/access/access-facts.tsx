import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { useStudio } from '../app/studio-context.ts';
import { Facts } from '../ui/facts.tsx';
import { when, words } from '../ui/format.ts';
import { KeyDialog } from './key-dialog.tsx';

/** Who the server takes this page for, and the key it sends. */
export function AccessFacts() {
  const { client, credentials } = useStudio();
  const queries = useQueryClient();
  const { key, kept, refused } = useSyncExternalStore(credentials.subscribe, credentials.snapshot);
  const [changing, setChanging] = useState(false);
  const viewer = useQuery({ queryKey: ['viewer'], queryFn: ({ signal }) => client.viewer({ signal }) });
  // A key that is wrong is asked for by the gate, which stands over every page.
  useEffect(() => {
    if (refused) setChanging(false);
  }, [refused]);
  const forget = () => {
    credentials.forget();
    void queries.resetQueries();
  };
  if (viewer.data === undefined) return <p className="dim">Loading…</p>;
  const { ownerId, role, scopes, expiresAt } = viewer.data;
  return (
    <>
      <Facts
        facts={[
          ['You are', `${ownerId}${role === 'ADMIN' ? ', an admin' : ''}`],
          ['You may', scopes.map(words).join(', ')],
          ...(expiresAt === null ? [] : ([['Until', when(expiresAt)]] as const)),
          ['Key', key === null ? 'none is sent, and none is asked for' : kept ? 'kept until this tab is closed' : 'kept until this page is loaded anew'],
        ]}
      />
      <div className="actions">
        <button type="button" className="quiet" onClick={() => setChanging(true)}>
          {key === null ? 'Use a key' : 'Use another key'}
        </button>
        {key === null ? null : (
          <button type="button" className="quiet" onClick={forget}>
            Forget the key
          </button>
        )}
      </div>
      {changing ? (
        <KeyDialog
          wrong={false}
          onAccepted={() => {
            setChanging(false);
            void queries.resetQueries();
          }}
          onClose={() => setChanging(false)}
        />
      ) : null}
    </>
  );
}
