import { lazy, Suspense, useEffect } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { AccessGate } from '../access/access-gate.tsx';
import { CreatePage } from '../create/create-page.tsx';
import { useRunningCount } from '../live/use-jobs.ts';
import { ToastProvider } from '../ui/toasts.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { Page } from './page.tsx';
import { useStudio } from './studio-context.ts';
import { ThemeSwitch } from './theme-switch.tsx';

const FilmPage = lazy(() => import('../film/film-page.tsx'));
const LibraryPage = lazy(() => import('../library/library-page.tsx'));
const SystemPage = lazy(() => import('../system/system-page.tsx'));

const VIEWS = [
  { href: '/', label: 'Create' },
  { href: '/library', label: 'Library' },
  { href: '/film', label: 'Film' },
  { href: '/system', label: 'System' },
];

export function App() {
  const { jobs } = useStudio();
  const [path] = useLocation();
  // Jobs that a reload, or another tab, left running.
  useEffect(() => void jobs.adoptRunning(), [jobs]);
  return (
    <ToastProvider>
      <a className="skip-link" href="#content">
        Skip to the content
      </a>
      <Header />
      <AccessGate />
      <main id="content" tabIndex={-1}>
        <ErrorBoundary key={path.split('/')[1]}>
          <Suspense fallback={<p className="page-loading">Loading…</p>}>
            <Switch>
              <Route path="/" component={CreatePage} />
              <Route path="/library/:id?" component={LibraryPage} />
              <Route path="/film/:id?" component={FilmPage} />
              <Route path="/system" component={SystemPage} />
              <Route component={NothingHere} />
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </main>
    </ToastProvider>
  );
}

function Header() {
  const running = useRunningCount();
  const [path] = useLocation();
  return (
    <header className="masthead">
      <Link href="/" className="brand">
        <img src="/favicon.svg" alt="" width="24" height="24" />
        Cinegraph
      </Link>
      <nav aria-label="Views">
        {VIEWS.map(({ href, label }) => (
          <Link key={href} href={href} aria-current={isCurrent(path, href) ? 'page' : undefined}>
            {label}
            {href === '/' && running > 0 ? <span className="badge" title={`${running} running`}>{running}</span> : null}
          </Link>
        ))}
      </nav>
      <ThemeSwitch />
    </header>
  );
}

function isCurrent(path: string, href: string): boolean {
  return href === '/' ? path === '/' : path.startsWith(href);
}

function NothingHere() {
  return (
    <Page title="Nothing here">
      <p>
        There is no such page. <Link href="/">Make a clip</Link>
      </p>
    </Page>
  );
}
