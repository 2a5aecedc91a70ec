import { useState } from 'react';
import { InputError, type Asset } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';
import { ChooseCandidateDocument } from '../generated/operations.ts';
import { useToast } from '../ui/toasts.tsx';

interface ChooseCandidateProps {
  readonly asset: Asset;
  readonly onFault: (error: unknown) => void;
}

/** Marks one of several candidates as the one. */
export function ChooseCandidate({ asset, onFault }: ChooseCandidateProps) {
  const { client } = useStudio();
  const toast = useToast();
  const [chosen, setChosen] = useState<string | null>(null);
  const [sending, setSending] = useState(false);
  const choose = async () => {
    setSending(true);
    try {
      const { payload } = await client.request(ChooseCandidateDocument, { input: { asset: asset.id } });
      const [error] = payload.userErrors;
      if (error !== undefined) throw new InputError(error, payload.userErrors);
      setChosen(asset.id);
      toast({ text: 'Taken. Extend or edit goes on from it.' });
    } catch (error) {
      onFault(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <button type="button" className="quiet" aria-pressed={chosen === asset.id} disabled={sending} onClick={() => void choose()}>
      {chosen === asset.id ? 'This is the one' : 'Take this one'}
    </button>
  );
}
