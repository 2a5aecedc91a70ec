import { useCallback, useEffect, useRef, useState } from 'react';

/** From the press on Generate to the answer of the server. */
export interface Sending {
  /** `waiting`: it was pressed, and is sent as soon as everything is there. */
  readonly state: 'idle' | 'waiting' | 'sending';
  /** What the server refused; null for nothing. */
  readonly fault: unknown;
  press(): void;
  /** What it waits for will not come: nothing is sent. */
  giveUp(): void;
  dismiss(): void;
}

/** @param ready everything that is sent is there. @param send rejects with what the server refused */
export function useSending(ready: boolean, send: () => Promise<void>): Sending {
  const [state, setState] = useState<Sending['state']>('idle');
  const [fault, setFault] = useState<unknown>(null);
  const latest = useRef(send);
  latest.current = send;
  useEffect(() => {
    if (state !== 'waiting' || !ready) return;
    setState('sending');
    void latest
      .current()
      .catch(setFault)
      .finally(() => setState('idle'));
  }, [state, ready]);
  const press = useCallback(() => {
    setFault(null);
    setState((was) => (was === 'idle' ? 'waiting' : was));
  }, []);
  const giveUp = useCallback(() => setState((was) => (was === 'waiting' ? 'idle' : was)), []);
  const dismiss = useCallback(() => setFault(null), []);
  return { state, fault, press, giveUp, dismiss };
}
