import { createContext, use, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';

export interface Toast {
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
  /** Called when it goes without its action having been used. */
  readonly onGone?: () => void;
}

/** Long enough to reach the button by keyboard. */
const SHOWN_MS = 10_000;

type Show = (toast: Toast) => void;
const ToastContext = createContext<Show | null>(null);

export function useToast(): Show {
  const show = use(ToastContext);
  if (show === null) throw new Error('useToast needs a ToastProvider');
  return show;
}

/** One message at a time; a new one takes the place of the old one. */
export function ToastProvider({ children }: { readonly children: ReactNode }) {
  const [toast, setToast] = useState<Toast | null>(null);
  const latest = useRef<Toast | null>(null);
  const replace = useCallback((next: Toast | null) => {
    latest.current?.onGone?.();
    latest.current = next;
    setToast(next);
  }, []);
  const use = useCallback(() => {
    const used = latest.current;
    latest.current = null;
    setToast(null);
    used?.action?.run();
  }, []);
  useEffect(() => {
    if (toast === null) return undefined;
    const timer = setTimeout(() => replace(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast, replace]);
  // Leaving the page must not lose what a message was waiting to do.
  useEffect(() => {
    const flush = () => replace(null);
    addEventListener('pagehide', flush);
    return () => removeEventListener('pagehide', flush);
  }, [replace]);
  const show = useMemo<Show>(() => (next) => replace(next), [replace]);
  return (
    <ToastContext value={show}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toast === null ? null : (
          <div className="toast">
            <span>{toast.text}</span>
            {toast.action === undefined ? null : (
              <button type="button" className="quiet" onClick={use}>
                {toast.action.label}
              </button>
            )}
            <button type="button" className="quiet" aria-label="Dismiss" onClick={() => replace(null)}>
              ×
            </button>
          </div>
        )}
      </div>
    </ToastContext>
  );
}
