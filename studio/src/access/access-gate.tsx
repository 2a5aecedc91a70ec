import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { useStudio } from '../app/studio-context.ts';
import { KeyDialog } from './key-dialog.tsx';

/** Stands over the page while the server wants a key, until it takes one; then everything is asked for again. */
export function AccessGate() {
  const { credentials, jobs } = useStudio();
  const queries = useQueryClient();
  const { refused, key } = useSyncExternalStore(credentials.subscribe, credentials.snapshot);
  const [asking, setAsking] = useState(false);
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    if (!refused || asking) return;
    setWrong(key !== null);
    setAsking(true);
  }, [refused, key, asking]);
  const accepted = () => {
    setAsking(false);
    void queries.resetQueries();
    void jobs.adoptRunning();
  };
  return asking ? <KeyDialog wrong={wrong} onAccepted={accepted} onClose={null} /> : null;
}
