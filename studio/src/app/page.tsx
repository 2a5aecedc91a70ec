import { useEffect, useRef, type ReactNode } from 'react';

interface PageProps {
  readonly title: string;
  readonly actions?: ReactNode;
  /** Keeps the heading for screen readers only. */
  readonly quietTitle?: boolean;
  readonly children: ReactNode;
}

/** A view: names the document, and takes the focus when somebody navigates to it, so that a screen reader says where they are. */
export function Page({ title, actions, quietTitle = false, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Cinegraph`;
    // The first page of a visit leaves the focus where the browser puts it.
    if (document.activeElement !== document.body || history.state !== null) heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <div className="page">
      <div className="page-head">
        <h1 ref={heading} tabIndex={-1} className={quietTitle ? 'visually-hidden' : undefined}>
          {title}
        </h1>
        {actions}
      </div>
      {children}
    </div>
  );
}
